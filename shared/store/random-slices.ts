// Random but possible histories for tests: runs start, move, end, are reopened, in slices as a shard host would cut them.

import { position, type RunId, type TenantId, tenantId, type WorkflowName, workflowName } from "@millrace/model/ids.ts";
import type { EndStatus, LiveStatus } from "@millrace/model/run-state.ts";
import fc from "fast-check";
import { DAY_MS, keyRow, runAt, slice } from "./conformance.ts";
import { type EndedRow, type LiveIndex, type LiveRow, PERIOD_MS, type Slice } from "./store.ts";

const LIVE: readonly LiveStatus[] = ["running", "paused", "cancelling"];
const ENDS: readonly EndStatus[] = ["completed", "failed", "cancelled", "timed-out", "terminated"];

/** One thing that happens to one run, as numbers to be interpreted. */
export interface Happening {
  readonly what: number;
  readonly which: number;
  readonly how: number;
  /** Whether a slice ends after it. */
  readonly cut: boolean;
}

export const happenings: fc.Arbitrary<readonly Happening[]> = fc.array(
  fc.record({ what: fc.nat(9), which: fc.nat(1000), how: fc.nat(1000), cut: fc.boolean() }),
  { minLength: 1, maxLength: 60 },
);

interface Known {
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
  state: { type: "live"; index: LiveIndex } | { type: "ended"; status: EndStatus; endedMs: number };
}

type Draft = {
  live: LiveRow[];
  reopened: Slice["reopened"][number][];
  ended: EndedRow[];
  keys: Slice["keys"][number][];
  rows: Slice["rows"][number][];
};

/** Turns happenings into slices. `space` keeps the runs and tenants of several histories in one store apart. */
export function slicesOf(space: number, history: readonly Happening[]): Slice[] {
  const builder = new SliceBuilder(space);
  const slices: Slice[] = [];
  for (const happening of history) {
    builder.happen(happening);
    if (happening.cut) slices.push(builder.cut());
  }
  slices.push(builder.cut());
  return slices;
}

/** The tenants of a space. */
export const tenantsOf = (space: number): TenantId[] => [tenantId(`t${space}-a`), tenantId(`t${space}-b`)];
export const WORKFLOWS: readonly WorkflowName[] = [workflowName("one"), workflowName("two")];

const emptyDraft = (): Draft => ({ live: [], reopened: [], ended: [], keys: [], rows: [] });

class SliceBuilder {
  readonly #space: number;
  readonly #runs: Known[] = [];
  #touched = new Set<RunId>();
  #draft: Draft = emptyDraft();
  #position = 1;

  constructor(space: number) {
    this.#space = space;
  }

  happen({ what, which, how }: Happening): void {
    this.#row(which, how);
    const known = this.#runs[which % Math.max(1, this.#runs.length)];
    // A slice says of each run once what became of it.
    if (what <= 3 || known === undefined || this.#touched.has(known.runId))
      return this.#start(which, how, what % 2 === 0);
    this.#touched.add(known.runId);
    const { state } = known;
    if (state.type === "live")
      return what % 2 === 0 ? this.#live(known, how, state.index) : this.#end(known, how, state.index);
    const { runId, tenant, workflow } = known;
    this.#draft.reopened.push({ runId, tenant, workflow, status: state.status, endedMs: state.endedMs });
    if (what % 3 === 0) this.#end(known, how, null);
    else this.#live(known, how, null);
  }

  cut(): Slice {
    const cut = slice({ ...this.#draft });
    this.#draft = emptyDraft();
    this.#touched = new Set();
    return cut;
  }

  /** A row of the shard's own is written, over and over, or removed; once a slice. */
  #row(which: number, how: number): void {
    const key = `row-${this.#space}/${which % 5}`;
    if (this.#draft.rows.some((row) => row.key === key)) return;
    const bytes = how % 4 === 0 ? null : Buffer.from(`row ${how}`);
    this.#draft.rows.push({ key, position: this.#next(), bytes });
  }

  #start(which: number, how: number, ends: boolean): void {
    const serial = this.#space * 1000 + this.#runs.length;
    const runId = runAt(DAY_MS + (which % 50) * 60_000, serial);
    const tenant = tenantsOf(this.#space)[how % 2] ?? tenantId("none");
    const workflow = WORKFLOWS[which % 2] ?? workflowName("none");
    const known: Known = { runId, tenant, workflow, state: { type: "live", index: { status: "running", dueMs: 0 } } };
    this.#runs.push(known);
    this.#touched.add(runId);
    this.#draft.keys.push({ ...keyRow(`key-${serial}`, runId, DAY_MS), tenant });
    if (how % 10 === 0)
      this.#draft.rows.push({ key: `pin-${serial}`, position: this.#next(), bytes: bodyOf(runId, how) });
    if (ends) this.#end(known, how, null);
    else this.#live(known, how, null);
  }

  #live(known: Known, how: number, previous: LiveIndex | null): void {
    const { runId, tenant, workflow } = known;
    const index = { status: LIVE[how % 3] ?? "running", dueMs: how % 4 === 0 ? 0 : DAY_MS + how };
    known.state = { type: "live", index };
    this.#draft.live.push({
      runId,
      tenant,
      workflow,
      index,
      previous,
      position: this.#next(),
      bytes: bodyOf(runId, how),
    });
  }

  #end(known: Known, how: number, previous: LiveIndex | null): void {
    const { runId, tenant, workflow } = known;
    const status = ENDS[how % 5] ?? "completed";
    const endedMs = DAY_MS + (how % 3) * PERIOD_MS;
    known.state = { type: "ended", status, endedMs };
    const row = { runId, tenant, workflow, status, endedMs, previous };
    this.#draft.ended.push({ ...row, position: this.#next(), bytes: bodyOf(runId, how) });
  }

  #next() {
    return position(this.#position++);
  }
}

function bodyOf(runId: RunId, how: number): Uint8Array {
  return Buffer.from(`${runId} ${"x".repeat(how * 7)} ${how}`);
}
