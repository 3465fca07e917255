import { deserialize, serialize } from "node:v8";
import { type Position, position, type RunId, type TenantId, type WorkflowName } from "@millrace/model/ids.ts";
import type { RunStatus } from "@millrace/model/run-state.ts";
import {
  aheadAfter,
  type CheckpointMeta,
  type DueTimer,
  type KeyRow,
  type LiveIndex,
  type LiveRow,
  type Slice,
  type StoredRow,
} from "../store.ts";

/** A run as the memory store keeps it. */
export interface RunEntry {
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
  readonly status: RunStatus;
  readonly position: Position;
  readonly bytes: Uint8Array;
  /** 0 = no timer. */
  readonly dueMs: number;
  /** null while live. */
  readonly endedMs: number | null;
}

/** Everything a memory store holds. Rows are never changed in place, so copies share them. */
export class MemoryTables {
  readonly runs = new Map<RunId, RunEntry>();
  readonly keys = new Map<string, KeyRow>();
  readonly rows = new Map<string, StoredRow>();
  meta: CheckpointMeta | null = null;
  /** The newest record of a run, if it is newer than the last completed checkpoint. */
  aheadTo = position(0);
  bytes = 0;
  readonly #timers = new Map<RunId, DueTimer>();
  /** All timers in order; undefined = one changed since. */
  #sortedTimers: readonly DueTimer[] | undefined;

  apply(slice: Slice): void {
    for (const { runId } of slice.reopened) this.#remove(runId);
    for (const { index, previous, ...row } of slice.live) {
      this.#expect(row.runId, previous);
      this.#put(row.runId, { ...entryOf(row), status: index.status, dueMs: index.dueMs, endedMs: null });
    }
    for (const { status, endedMs, previous, ...row } of slice.ended) {
      this.#expect(row.runId, previous);
      this.#put(row.runId, { ...entryOf(row), status, dueMs: 0, endedMs });
    }
    for (const row of slice.keys) this.keys.set(`${row.tenant}/${row.key}`, row);
    for (const { key, position: at, bytes } of slice.rows) {
      this.bytes -= this.rows.get(key)?.bytes.length ?? 0;
      if (bytes === null) this.rows.delete(key);
      else this.#putRow({ key, position: at, bytes });
    }
    this.aheadTo = aheadAfter(slice, this.aheadTo);
    this.meta = slice.meta ?? this.meta;
  }

  /** Drops runs that ended, and keys whose run started, before these times. */
  drop(runsBeforeMs: number, keysBeforeMs: number): void {
    for (const [id, { endedMs }] of this.runs) if (endedMs !== null && endedMs < runsBeforeMs) this.#remove(id);
    for (const [name, { startedMs }] of this.keys) if (startedMs < keysBeforeMs) this.keys.delete(name);
  }

  timersUntil(untilMs: number, after: DueTimer | null, limit: number): DueTimer[] {
    this.#sortedTimers ??= [...this.#timers.values()].sort(compareTimers);
    const due: DueTimer[] = [];
    for (const timer of this.#sortedTimers) {
      if (timer.dueMs > untilMs || due.length === limit) break;
      if (after === null || compareTimers(timer, after) > 0) due.push(timer);
    }
    return due;
  }

  /** Everything as bytes, and back. */
  toBytes(): Uint8Array {
    return serialize({ runs: this.runs, keys: this.keys, rows: this.rows, meta: this.meta, aheadTo: this.aheadTo });
  }

  static fromBytes(bytes: Uint8Array): MemoryTables {
    const tables: unknown = deserialize(bytes);
    if (!isTables(tables)) throw new Error("The bytes are no tables of a memory store.");
    const copy = new MemoryTables();
    for (const [id, entry] of tables.runs) copy.#put(id, entry);
    for (const [name, row] of tables.keys) copy.keys.set(name, row);
    for (const row of tables.rows.values()) copy.#putRow(row);
    copy.meta = tables.meta;
    copy.aheadTo = tables.aheadTo;
    return copy;
  }

  copy(): MemoryTables {
    const copy = new MemoryTables();
    for (const [id, entry] of this.runs) copy.#put(id, entry);
    for (const [name, row] of this.keys) copy.keys.set(name, row);
    for (const row of this.rows.values()) copy.#putRow(row);
    copy.meta = this.meta;
    copy.aheadTo = this.aheadTo;
    return copy;
  }

  /** A slice that does not know what is stored of a run leaves rows behind in a store with indexes. */
  #expect(runId: RunId, previous: LiveIndex | null): void {
    const entry = this.runs.get(runId);
    const live = entry === undefined || entry.endedMs !== null ? null : entry;
    if (live?.status === previous?.status && live?.dueMs === previous?.dueMs) return;
    throw new Error(`A slice takes ${runId} for stored as ${JSON.stringify(previous)}; it is ${JSON.stringify(live)}.`);
  }

  #put(runId: RunId, entry: RunEntry): void {
    this.#remove(runId);
    this.runs.set(runId, entry);
    this.bytes += entry.bytes.length;
    if (entry.dueMs === 0) return;
    this.#timers.set(runId, { runId, tenant: entry.tenant, dueMs: entry.dueMs });
    this.#sortedTimers = undefined;
  }

  /** A row that is new, or whose bytes count no more. */
  #putRow(row: StoredRow): void {
    this.rows.set(row.key, row);
    this.bytes += row.bytes.length;
  }

  #remove(runId: RunId): void {
    this.bytes -= this.runs.get(runId)?.bytes.length ?? 0;
    this.runs.delete(runId);
    if (this.#timers.delete(runId)) this.#sortedTimers = undefined;
  }
}

type Content = Pick<MemoryTables, "runs" | "keys" | "rows" | "meta" | "aheadTo">;

function entryOf({
  tenant,
  workflow,
  position: at,
  bytes,
}: Pick<LiveRow, "tenant" | "workflow" | "position" | "bytes">) {
  return { tenant, workflow, position: at, bytes };
}

/** Tells what `toBytes` wrote from anything else. */
function isTables(value: unknown): value is Content {
  return typeof value === "object" && value !== null && "runs" in value && value.runs instanceof Map && "keys" in value;
}

function compareTimers(a: DueTimer, b: DueTimer): number {
  return a.dueMs - b.dueMs || (a.runId < b.runId ? -1 : a.runId > b.runId ? 1 : 0);
}
