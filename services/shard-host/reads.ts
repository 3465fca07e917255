// Answers about runs from memory and store. An answer waits until the newest record it saw is durable (DESIGN §2).
import { runNotFound } from "@millrace/core/run/decide.ts";
import { firstRunIdAt } from "@millrace/core/run-id.ts";
import type { ListedRun, ListPage, ListQuery, RunView } from "@millrace/link/link.ts";
import { type Position, position, type RunId, type TenantId, type WorkflowName } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { RunStatus } from "@millrace/model/run-state.ts";
import type { Store } from "@millrace/store/store.ts";
import { findRun, listedRun, listingBytes, runView } from "./found-run.ts";
import { LIST_BYTES_MAX, STORE_PAGE } from "./limits.ts";
import type { ShardMemory } from "./memory.ts";

/** An answer, and the position that must be durable before it leaves. */
export interface Answer<Value> {
  readonly value: Value;
  readonly seen: Position;
}

const NOTHING_SEEN = position(0);

/** One run, if it is the tenant's. */
export function readRun(memory: ShardMemory, store: Store, tenant: TenantId, runId: RunId): Answer<RunView | Refusal> {
  const found = findRun(memory, store, runId);
  if (found === undefined || found.head.tenant !== tenant) return { value: runNotFound(runId), seen: NOTHING_SEEN };
  return { value: runView(memory, found), seen: found.position };
}

/** A page of runs, newest first. */
export function listRuns(memory: ShardMemory, store: Store, query: ListQuery): Answer<ListPage> {
  const until = query.startedUntilMs > 0 ? firstRunIdAt(query.startedUntilMs) : null;
  const before = query.before !== null && (until === null || query.before < until) ? query.before : until;
  const from = query.startedFromMs > 0 ? firstRunIdAt(query.startedFromMs) : null;
  const bounds: Bounds = { tenant: query.tenant, workflow: query.workflow, status: query.status, before, from };
  const wanted = query.limit + 1;
  const newest = inMemory(memory, bounds, wanted);
  const ids = [...newest.ids, ...inStore(memory, store, bounds, wanted)]
    .toSorted((a, b) => (a < b ? 1 : -1))
    .slice(0, wanted);
  const runs: ListedRun[] = [];
  let last: RunId | null = null;
  let bytes = 0;
  for (const id of ids.slice(0, query.limit)) {
    if (bytes >= LIST_BYTES_MAX) break;
    const found = findRun(memory, store, id);
    last = id;
    if (found === undefined) continue;
    runs.push(listedRun(memory, found));
    bytes += listingBytes(found);
  }
  return { value: { runs, next: last === ids.at(-1) ? null : last }, seen: newest.seen };
}

interface Bounds {
  readonly tenant: TenantId;
  readonly workflow: WorkflowName | null;
  readonly status: RunStatus | null;
  readonly before: RunId | null;
  readonly from: RunId | null;
}

/** The newest `limit` matching runs in memory, in no order. A full scan, of IDs first: most are ruled out by them. */
function inMemory(memory: ShardMemory, bounds: Bounds, limit: number): Newest {
  const { live, overlay } = memory.actors;
  const newest = new Newest(limit);
  for (const [id, actor] of live) {
    newest.saw(actor.position);
    if (newest.wants(id) && inRange(id, bounds) && matches(actor.tenant, actor.run.workflow, actor.run.status, bounds))
      newest.add(id);
  }
  for (const [id, ended] of overlay) {
    newest.saw(ended.position);
    if (newest.wants(id) && inRange(id, bounds) && matches(ended.tenant, ended.workflow, ended.status, bounds))
      newest.add(id);
  }
  return newest;
}

/** The newest `limit` matching runs of the store that memory knows nothing newer of, newest first. */
function inStore(memory: ShardMemory, store: Store, bounds: Bounds, limit: number): RunId[] {
  const { live, overlay } = memory.actors;
  const found: RunId[] = [];
  let { before } = bounds;
  const { tenant, workflow, status, from } = bounds;
  for (;;) {
    const page = store.list({ tenant, workflow, status, before, from }, STORE_PAGE);
    for (const id of page) if (!live.has(id) && !overlay.has(id)) found.push(id);
    const last = page.at(-1);
    if (found.length >= limit || page.length < STORE_PAGE || last === undefined) return found.slice(0, limit);
    before = last;
  }
}

function inRange(id: RunId, bounds: Bounds): boolean {
  return (bounds.before === null || id < bounds.before) && (bounds.from === null || id >= bounds.from);
}

function matches(tenant: TenantId, workflow: string, status: RunStatus, bounds: Bounds): boolean {
  return (
    tenant === bounds.tenant &&
    (bounds.workflow === null || workflow === bounds.workflow) &&
    (bounds.status === null || status === bounds.status)
  );
}

/** Keeps the `limit` greatest IDs: cut back to size whenever it has doubled, so that adding costs little. */
class Newest {
  ids: RunId[] = [];
  /** The newest position looked at: leaving a run out tells as much of it as showing it. */
  seen = NOTHING_SEEN;
  #floor: RunId | null = null;
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  saw(at: Position): void {
    if (at > this.seen) this.seen = at;
  }

  wants(id: RunId): boolean {
    return this.#floor === null || id > this.#floor;
  }

  add(id: RunId): void {
    this.ids.push(id);
    if (this.ids.length < 2 * this.#limit) return;
    this.ids = this.ids.toSorted((a, b) => (a < b ? 1 : -1)).slice(0, this.#limit);
    this.#floor = this.ids.at(-1) ?? null;
  }
}
