// The store in memory, for the simulation and for tests. Its disk outlives the store: `crash` keeps what was flushed and
// as many of the later slices as the test says, whole and in order, which is all the port promises.

import { hash } from "node:crypto";
import type { Position, RunId, TenantId } from "@millrace/model/ids.ts";
import type { RunStatus } from "@millrace/model/run-state.ts";
import {
  type ArrivingPart,
  type CheckpointMeta,
  type DueTimer,
  KEY_RETENTION_MS,
  type KeyRow,
  type ListFilter,
  PERIOD_MS,
  partKey,
  RETENTION_MS,
  type Slice,
  type SliceOutcome,
  type Store,
  type StoreCopy,
  type StoredRow,
  type StoredRun,
  type StoreOptions,
} from "../store.ts";
import { MemoryTables, type RunEntry } from "./memory-tables.ts";

/** What a memory store writes to. */
export class MemoryDisk {
  /** As of the last flush. */
  #flushed = new MemoryTables();
  /** Slices written since, oldest first. */
  #pending: Slice[] = [];
  #tables = new MemoryTables();

  /** The tables as of the last slice. */
  get tables(): MemoryTables {
    return this.#tables;
  }

  /** How many slices a crash may lose. */
  get unflushed(): number {
    return this.#pending.length;
  }

  write(slice: Slice): void {
    this.#tables.apply(slice);
    this.#pending.push(slice);
  }

  flush(): void {
    for (const slice of this.#pending) this.#flushed.apply(slice);
    this.#pending = [];
  }

  /** Puts a copy's content in place of everything, durable at once. */
  restore(tables: MemoryTables): void {
    this.#pending = [];
    this.#flushed = tables;
    this.#tables = tables.copy();
  }

  retain(runsBeforeMs: number, keysBeforeMs: number): void {
    this.flush();
    for (const tables of [this.#flushed, this.#tables]) tables.drop(runsBeforeMs, keysBeforeMs);
  }

  /** Loses all but the first `kept` slices since the last flush. Stores open before are dead: open new ones. */
  crash(kept: number): void {
    this.#pending = this.#pending.slice(0, kept);
    this.flush();
    this.#tables = this.#flushed.copy();
  }
}

export interface MemoryStoreOptions extends StoreOptions {
  /** What is written to; default a new, empty one. */
  readonly disk?: MemoryDisk;
  /** Calls back later, as a disk would; default in a later turn of the event loop. */
  readonly soon?: (callback: () => void) => void;
  /** What becomes of the next slice, for faults on demand; default all are written. */
  readonly outcome?: () => SliceOutcome;
}

/** Opens a store on a disk in memory. */
export function openMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly #disk: MemoryDisk;
  readonly #retentionMs: number;
  readonly #soon: (callback: () => void) => void;
  readonly #outcome: () => SliceOutcome;
  #writing = false;
  #flushing: ((outcome: SliceOutcome) => void)[] = [];

  constructor(options: MemoryStoreOptions) {
    this.#disk = options.disk ?? new MemoryDisk();
    this.#retentionMs = options.retentionMs ?? RETENTION_MS;
    this.#soon = options.soon ?? ((callback) => void setImmediate(callback));
    this.#outcome = options.outcome ?? (() => ({ type: "written" }));
  }

  meta(): CheckpointMeta | null {
    return this.#disk.tables.meta;
  }

  aheadTo(): Position {
    return this.#disk.tables.aheadTo;
  }

  run(runId: RunId): StoredRun | undefined {
    const entry = this.#disk.tables.runs.get(runId);
    return entry === undefined
      ? undefined
      : { position: entry.position, bytes: entry.bytes, ended: entry.endedMs !== null };
  }

  key(tenant: TenantId, key: string): KeyRow | undefined {
    return this.#disk.tables.keys.get(`${tenant}/${key}`);
  }

  row(key: string): StoredRow | undefined {
    return this.#disk.tables.rows.get(key);
  }

  rows(prefix: string, visit: (row: StoredRow) => void): void {
    const found = [...this.#disk.tables.rows.values()].filter(({ key }) => key.startsWith(prefix));
    for (const row of found.sort((a, b) => (a.key < b.key ? -1 : 1))) visit(row);
  }

  timers(untilMs: number, after: DueTimer | null, limit: number): DueTimer[] {
    return this.#disk.tables.timersUntil(untilMs, after, limit);
  }

  list(filter: ListFilter, limit: number): RunId[] {
    const { runs } = this.#disk.tables;
    const matching = [...runs.keys()].filter((id) => {
      const entry = runs.get(id);
      return entry !== undefined && matches(filter, id, entry);
    });
    return matching.sort().reverse().slice(0, limit);
  }

  liveRuns(after: RunId | null, limit: number): RunId[] {
    const live: RunId[] = [];
    for (const [id, { endedMs }] of this.#disk.tables.runs) {
      if (endedMs === null && (after === null || id > after)) live.push(id);
    }
    return live.sort().slice(0, limit);
  }

  write(slice: Slice, done: (outcome: SliceOutcome) => void): void {
    if (this.#writing) throw new Error("a slice is being written: wait for it");
    this.#writing = true;
    const taken = copyOf(slice);
    this.#soon(() => {
      this.#writing = false;
      const outcome = this.#outcome();
      if (outcome.type === "written") this.#disk.write(taken);
      done(outcome);
      const flushing = this.#flushing;
      this.#flushing = [];
      for (const flushed of flushing) this.flush(flushed);
    });
  }

  flush(done: (outcome: SliceOutcome) => void): void {
    if (this.#writing) return void this.#flushing.push(done);
    this.#soon(() => {
      this.#disk.flush();
      done({ type: "written" });
    });
  }

  async retain(nowMs: number): Promise<void> {
    const before = (retentionMs: number): number => Math.floor((nowMs - retentionMs) / PERIOD_MS) * PERIOD_MS;
    this.#disk.retain(before(this.#retentionMs), before(KEY_RETENTION_MS));
    await Promise.resolve();
  }

  async copy(known: ReadonlySet<string>): Promise<StoreCopy | null> {
    // As the port has it: a slice that is being written goes first.
    await new Promise<void>((resolve) => this.flush(() => resolve()));
    const { tables } = this.#disk;
    if (tables.meta === null) return null;
    const bytes = tables.toBytes();
    const part = { name: PART, tag: hash("sha256", bytes, "hex") };
    const chunks = known.has(partKey(part)) ? null : () => inOne(bytes);
    return { meta: tables.meta, parts: [{ ...part, chunks }], discard: () => Promise.resolve() };
  }

  bytes(): number {
    return this.#disk.tables.bytes;
  }

  async close(): Promise<void> {
    this.#disk.flush();
    await Promise.resolve();
  }
}

async function* inOne(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

/** The one part of a copy. */
const PART = "tables";

/** Lays a copy's parts on a disk in place of what it holds. */
export async function restoreMemoryStore(disk: MemoryDisk, parts: AsyncIterable<ArrivingPart>): Promise<void> {
  for await (const { name, chunks } of parts) {
    if (name !== PART) throw new Error(`A copy of a memory store has no part ${name}.`);
    const bytes: Uint8Array[] = [];
    for await (const chunk of chunks) bytes.push(chunk);
    disk.restore(MemoryTables.fromBytes(Buffer.concat(bytes)));
  }
}

function matches(filter: ListFilter, id: RunId, entry: RunEntry): boolean {
  const status: RunStatus | null = filter.status;
  return (
    entry.tenant === filter.tenant &&
    (filter.workflow === null || entry.workflow === filter.workflow) &&
    (status === null || entry.status === status) &&
    (filter.before === null || id < filter.before) &&
    (filter.from === null || id >= filter.from)
  );
}

function copyOf(slice: Slice): Slice {
  const rows = slice.rows.map((row) => ({ ...row, bytes: row.bytes === null ? null : Buffer.from(row.bytes) }));
  return { ...slice, live: slice.live.map(withOwnBytes), ended: slice.ended.map(withOwnBytes), rows };
}

function withOwnBytes<Row extends { readonly bytes: Uint8Array }>(row: Row): Row {
  return { ...row, bytes: Buffer.from(row.bytes) };
}
