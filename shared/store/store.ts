// The port of a shard's store: folded state, never the truth. Every stored object carries the position it reflects.
//
//   journal   1 … 40 │ 41 … 55 (tail)
//   store     live runs, timers, keys, ended runs, definitions: at position 40, some already at up to 55 (a checkpoint under way)
//
// A checkpoint is a series of slices, each one atomic. The last slice carries `meta` and so advances the checkpoint's
// position; replay from there skips, object by object, events at or below the object's own position.
// Reads are synchronous (LMDB reads from its map) and see every slice whose `done` was called.
import {
  type Position,
  position,
  type RunId,
  type TenantId,
  type Term,
  type WorkflowName,
} from "@millrace/model/ids.ts";
import type { EndStatus, LiveStatus, RunStatus } from "@millrace/model/run-state.ts";

/** What the last completed checkpoint says of the shard as a whole. */
export interface CheckpointMeta {
  /** Everything up to here is in the store. */
  readonly position: Position;
  /** Chain of the record at `position`. */
  readonly chain: number;
  readonly term: Term;
  readonly timeMs: number;
}

/** An encoded state and the position it reflects. */
export interface StoredRun {
  readonly position: Position;
  readonly bytes: Uint8Array;
  readonly ended: boolean;
}

/** How a live run is indexed today, as its last slice wrote it; the adapter needs it to move the entries. */
export interface LiveIndex {
  readonly status: LiveStatus;
  /** When the run next wants `timer-due`; 0 = never. */
  readonly dueMs: number;
}

export interface LiveRow {
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
  readonly index: LiveIndex;
  /** null = the store does not hold the run as live. */
  readonly previous: LiveIndex | null;
  readonly position: Position;
  readonly bytes: Uint8Array;
}

export interface EndedRow {
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
  readonly status: EndStatus;
  /** Decides the period, and so when retention drops it. */
  readonly endedMs: number;
  /** null = the store does not hold the run as live. */
  readonly previous: LiveIndex | null;
  readonly position: Position;
  readonly bytes: Uint8Array;
}

/** A run that was ended and is live again (RetryRun): its ended row goes, `live` holds it. */
export interface ReopenedRow {
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
  readonly status: EndStatus;
  readonly endedMs: number;
}

/** An idempotency key and the run it started. */
export interface KeyRow {
  readonly tenant: TenantId;
  readonly key: string;
  readonly runId: RunId;
  readonly inputHash: string;
  readonly startedMs: number;
}

/** A piece of the shard's own state, encoded by the shard host, under a key of its own. */
export interface ShardRow {
  /** At most {@link ROW_KEY_CHARACTERS_MAX} characters of ASCII. Rows sort by it. */
  readonly key: string;
  readonly position: Position;
  /** null = there is no such row any more. */
  readonly bytes: Uint8Array | null;
}

export interface StoredRow {
  readonly key: string;
  readonly position: Position;
  readonly bytes: Uint8Array;
}

/** What an LMDB key has room for. */
export const ROW_KEY_CHARACTERS_MAX = 256;

/** One atomic step of a checkpoint: all of it or nothing. At most 4 MiB. `reopened` is applied before `ended`. */
export interface Slice {
  readonly live: readonly LiveRow[];
  readonly reopened: readonly ReopenedRow[];
  readonly ended: readonly EndedRow[];
  readonly keys: readonly KeyRow[];
  readonly rows: readonly ShardRow[];
  /** On the last slice: the checkpoint is complete. null before. */
  readonly meta: CheckpointMeta | null;
}

/** What {@link Store.aheadTo} is once a slice is written, after what it was before. */
export function aheadAfter({ live, ended, meta }: Slice, before: Position): Position {
  let newest = before;
  for (const row of live) if (row.position > newest) newest = row.position;
  for (const row of ended) if (row.position > newest) newest = row.position;
  return meta !== null && newest <= meta.position ? position(0) : newest;
}

export interface DueTimer {
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly dueMs: number;
}

/** Which runs to list, newest start first. */
export interface ListFilter {
  readonly tenant: TenantId;
  /** null = any. */
  readonly workflow: WorkflowName | null;
  /** null = any. */
  readonly status: RunStatus | null;
  /** Runs whose ID sorts strictly below this one; null = from the newest. Also how a page goes on. */
  readonly before: RunId | null;
  /** Runs whose ID sorts at or above this one; null = to the oldest. */
  readonly from: RunId | null;
}

/** What became of a slice. */
export type SliceOutcome =
  | { readonly type: "written" }
  /** No room; nothing of the slice was written, it can be tried again. */
  | { readonly type: "full" }
  /** The store is broken. */
  | { readonly type: "failed"; readonly reason: string };

export interface Store {
  /** null = no checkpoint was ever completed. */
  meta(): CheckpointMeta | null;
  /**
   * The newest record of any run in the store, if it is newer than the last completed checkpoint; else 0. Also a completed
   * one leaves runs behind that went on, or were started, while it was written. Until what is folded has got there, runs
   * may be in the store that nobody has started yet, and no checkpoint may be completed.
   */
  aheadTo(): Position;
  /** A run, live or ended; undefined = unknown or past retention. */
  run(runId: RunId): StoredRun | undefined;
  /** The run an idempotency key started, while it is kept (at least 7 days). */
  key(tenant: TenantId, key: string): KeyRow | undefined;
  /** A row of the shard's own; undefined = there is none. */
  row(key: string): StoredRow | undefined;
  /** Visits all rows of the shard's own whose keys begin with `prefix`, by key. */
  rows(prefix: string, visit: (row: StoredRow) => void): void;
  /** Timers due at or before `untilMs`, earliest first, from strictly after `after`, at most `limit`. */
  timers(untilMs: number, after: DueTimer | null, limit: number): DueTimer[];
  /** IDs of matching runs, newest first, at most `limit`. */
  list(filter: ListFilter, limit: number): RunId[];
  /** IDs of all live runs in ascending order, from strictly after `after`, at most `limit`. */
  liveRuns(after: RunId | null, limit: number): RunId[];
  /** Writes one slice; calls `done` once it can be read and is on its way to disk. One at a time. */
  write(slice: Slice, done: (outcome: SliceOutcome) => void): void;
  /** Calls `done` when every slice written so far is on disk: only then may the journal be truncated. */
  flush(done: (outcome: SliceOutcome) => void): void;
  /** Drops ended runs and keys that are past retention at `nowMs`, by whole periods. */
  retain(nowMs: number): Promise<void>;
  /**
   * Copies the store as it is between two slices, to be opened elsewhere; slices that are written meanwhile wait. Parts
   * whose {@link partKey} is `known` are listed without their bytes. One copy at a time; it must be discarded. null = no
   * checkpoint was ever completed. Rejects with {@link StoreFull} when there is no room for it.
   */
  copy(known: ReadonlySet<string>): Promise<StoreCopy | null>;
  /** Bytes on disk. */
  bytes(): number;
  close(): Promise<void>;
}

/** Names what a part of a copy holds: two parts of the same name and tag hold the same bytes. */
export interface PartName {
  /** Of `[a-z0-9.-]`. */
  readonly name: string;
  /** Of `[a-z0-9-]`. */
  readonly tag: string;
}

/** Both as one text. */
export function partKey({ name, tag }: PartName): string {
  return `${name}@${tag}`;
}

export interface StorePart extends PartName {
  /** null = whoever asked has it. */
  readonly chunks: (() => AsyncIterable<Uint8Array>) | null;
}

/** A store's content at one instant. */
export interface StoreCopy {
  /** What the last completed checkpoint said; the parts may hold objects that are newer. */
  readonly meta: CheckpointMeta;
  readonly parts: readonly StorePart[];
  /** Lets go of the room the copy takes. */
  discard(): Promise<void>;
}

/** A part on its way into a new place. */
export interface ArrivingPart {
  readonly name: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** There is no room for a copy; nothing is left of it. */
export class StoreFull extends Error {
  override readonly name = "StoreFull";
}

/** What every adapter needs to know. */
export interface StoreOptions {
  /** How long ended runs are kept, ms, counted from the end of the UTC day they ended in. Default {@link RETENTION_MS}. */
  readonly retentionMs?: number;
}

/** How long ended runs are kept by default. */
export const RETENTION_MS = 7 * 24 * 60 * 60 * 1000;

/** How long idempotency keys are kept at least, whatever the retention of runs (DESIGN §6a). */
export const KEY_RETENTION_MS = 7 * 24 * 60 * 60 * 1000;

/** Ended runs and keys are kept and dropped by periods of this length: UTC days. */
export const PERIOD_MS = 24 * 60 * 60 * 1000;

/** Stored bytes are not what was written. The store must be set aside and rebuilt from the journal. */
export class StoreDamaged extends Error {
  override readonly name = "StoreDamaged";
  /** The file, as far as it is known. */
  readonly file: string;

  constructor(file: string, problem: string) {
    super(`${file}: ${problem}`);
    this.file = file;
  }
}
