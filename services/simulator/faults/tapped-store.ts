// A shard's store as its process sees it, with a tap where faults come in and the checkers listen.
import type { Position, RunId, TenantId } from "@millrace/model/ids.ts";
import type {
  CheckpointMeta,
  DueTimer,
  KeyRow,
  ListFilter,
  Slice,
  SliceOutcome,
  Store,
  StoreCopy,
  StoredRow,
  StoredRun,
} from "@millrace/store/store.ts";

export interface StoreTap {
  /** Whether writes arrive at all: not from a process that lost its shard to another one. */
  readonly isOpen: boolean;
  writing(slice: Slice): void;
  written(slice: Slice): void;
  flushing(): void;
}

export class TappedStore implements Store {
  readonly #inner: Store;
  readonly #tap: StoreTap;

  constructor(inner: Store, tap: StoreTap) {
    this.#inner = inner;
    this.#tap = tap;
  }

  write(slice: Slice, done: (outcome: SliceOutcome) => void): void {
    if (!this.#tap.isOpen) return;
    this.#tap.writing(slice);
    this.#inner.write(slice, (outcome) => {
      if (outcome.type === "written") this.#tap.written(slice);
      done(outcome);
    });
  }

  flush(done: (outcome: SliceOutcome) => void): void {
    if (!this.#tap.isOpen) return;
    this.#tap.flushing();
    this.#inner.flush(done);
  }

  meta(): CheckpointMeta | null {
    return this.#inner.meta();
  }

  aheadTo(): Position {
    return this.#inner.aheadTo();
  }

  run(runId: RunId): StoredRun | undefined {
    return this.#inner.run(runId);
  }

  key(tenant: TenantId, key: string): KeyRow | undefined {
    return this.#inner.key(tenant, key);
  }

  row(key: string): StoredRow | undefined {
    return this.#inner.row(key);
  }

  rows(prefix: string, visit: (row: StoredRow) => void): void {
    this.#inner.rows(prefix, visit);
  }

  timers(untilMs: number, after: DueTimer | null, limit: number): DueTimer[] {
    return this.#inner.timers(untilMs, after, limit);
  }

  list(filter: ListFilter, limit: number): RunId[] {
    return this.#inner.list(filter, limit);
  }

  liveRuns(after: RunId | null, limit: number): RunId[] {
    return this.#inner.liveRuns(after, limit);
  }

  copy(known: ReadonlySet<string>): Promise<StoreCopy | null> {
    return this.#inner.copy(known);
  }

  retain(nowMs: number): Promise<void> {
    return this.#inner.retain(nowMs);
  }

  bytes(): number {
    return this.#inner.bytes();
  }

  close(): Promise<void> {
    return this.#tap.isOpen ? this.#inner.close() : Promise.resolve();
  }
}
