// The store over LMDB. Owns: the environments as the event loop reads them, and the thread that writes them. Reads are
// synchronous and see whole slices of each file; while a slice is on its way, main may show it before history does.
//
// 1. One write at a time; between writes nothing changes the files.
// 2. A file is opened for reading between writes, because opening takes the file's write lock for an instant.

import { createReadStream, statSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Position, position, type RunId, type TenantId, tenantId } from "@millrace/model/ids.ts";
import {
  type CheckpointMeta,
  type DueTimer,
  KEY_RETENTION_MS,
  type KeyRow,
  type ListFilter,
  type PartName,
  PERIOD_MS,
  partKey,
  type Slice,
  type SliceOutcome,
  type Store,
  type StoreCopy,
  type StoredRow,
  type StoredRun,
  StoreFull,
} from "../store.ts";
import { packRun, packTimer, RUN_KEY_BYTES, TIMER_KEY_BYTES, unpackRun } from "./binary-key.ts";
import { filesOf, noteFiles } from "./condition.ts";
import { unseal } from "./envelope.ts";
import { historyFile, historyPeriod, keysFile, keysPeriod, type MainEnvironment } from "./environment.ts";
import { aheadOf, metaOf } from "./facts.ts";
import { HistoryDays } from "./history-days.ts";
import { KeyDays } from "./key-days.ts";
import { END_LISTS, LIVE_LISTS, type ListSource, listRuns } from "./list.ts";
import { rowAt, visitRows } from "./rows.ts";
import { Scopes } from "./scopes.ts";
import { WriterThread } from "./writer-thread.ts";

/** Where a copy lies, beside the store's own folder. */
const COPY_SUFFIX = ".copy";
const LOWEST_KEY = Buffer.alloc(1);
const POSITION_BYTES = 6;

export class LmdbStore implements Store {
  readonly #folder: string;
  readonly #main: MainEnvironment;
  readonly #mainScopes: Scopes;
  readonly #history: HistoryDays;
  readonly #keys: KeyDays;
  readonly #thread: WriterThread;
  readonly #retentionMs: number;
  readonly #sizes = new Map<string, number>();
  readonly #runKey = Buffer.alloc(RUN_KEY_BYTES);
  #flushing: ((outcome: SliceOutcome) => void)[] = [];
  #writing = false;

  constructor(folder: string, main: MainEnvironment, retentionMs: number) {
    this.#folder = folder;
    this.#main = main;
    this.#mainScopes = new Scopes(main);
    this.#retentionMs = retentionMs;
    const files = filesOf(folder);
    for (const file of files) this.#sizes.set(file, statSync(join(folder, file)).size);
    this.#history = new HistoryDays(
      folder,
      files.map(historyPeriod).filter((period) => period !== undefined),
    );
    this.#keys = new KeyDays(
      folder,
      files.map(keysPeriod).filter((period) => period !== undefined),
    );
    this.#thread = new WriterThread(folder);
  }

  meta(): CheckpointMeta | null {
    return metaOf(this.#main);
  }

  aheadTo(): Position {
    return aheadOf(this.#main.facts);
  }

  run(runId: RunId): StoredRun | undefined {
    packRun(runId, this.#runKey, 0);
    const value = this.#main.live.get(this.#runKey);
    if (value === undefined) return this.#history.run(runId);
    const state = unseal(value, this.#main.path, () => `live run ${runId}`);
    return {
      position: position(state.readUIntBE(0, POSITION_BYTES)),
      bytes: state.subarray(POSITION_BYTES),
      ended: false,
    };
  }

  key(tenant: TenantId, key: string): KeyRow | undefined {
    return this.#keys.find(tenant, key);
  }

  row(key: string): StoredRow | undefined {
    return rowAt(this.#main, key);
  }

  rows(prefix: string, visit: (row: StoredRow) => void): void {
    visitRows(this.#main, prefix, visit);
  }

  timers(untilMs: number, after: DueTimer | null, limit: number): DueTimer[] {
    const due: DueTimer[] = [];
    const start = Buffer.alloc(TIMER_KEY_BYTES);
    if (after !== null) packTimer(after.dueMs, after.runId, start);
    const range = { start, exclusiveStart: after !== null, limit };
    for (const { key, value } of this.#main.timers.getRange(range)) {
      const dueMs = key.readUIntBE(0, 6);
      if (dueMs > untilMs) break;
      due.push({ runId: unpackRun(key, 6), tenant: tenantId(value.toString()), dueMs });
    }
    return due;
  }

  list(filter: ListFilter, limit: number): RunId[] {
    return listRuns(this.#listSources(), filter, limit);
  }

  liveRuns(after: RunId | null, limit: number): RunId[] {
    const start = after === null ? LOWEST_KEY : Buffer.alloc(RUN_KEY_BYTES);
    if (after !== null) packRun(after, start, 0);
    const runs: RunId[] = [];
    for (const key of this.#main.live.getKeys({ start, exclusiveStart: after !== null, limit })) {
      runs.push(unpackRun(key, 0));
    }
    return runs;
  }

  write(slice: Slice, done: (outcome: SliceOutcome) => void): void {
    this.#thread.write(slice, (outcome, sizes) => {
      this.#writing = false;
      this.#main.root.resetReadTxn();
      for (const [file, bytes] of sizes) this.#changed(file, bytes);
      done(outcome);
      const flushing = this.#flushing;
      this.#flushing = [];
      for (const flushed of flushing) flushed(outcome.type === "failed" ? outcome : { type: "written" });
    });
    this.#writing = true;
  }

  /** Every commit syncs (see `environment.ts`): what `done` was called for is on disk. */
  flush(done: (outcome: SliceOutcome) => void): void {
    if (this.#writing) this.#flushing.push(done);
    else setImmediate(done, { type: "written" });
  }

  async retain(nowMs: number): Promise<void> {
    const past = (retentionMs: number) => (period: number) => (period + 1) * PERIOD_MS + retentionMs <= nowMs;
    const history = this.#history.periods().filter(past(this.#retentionMs));
    const keys = this.#keys.periods().filter(past(KEY_RETENTION_MS));
    const files = [...history.map(historyFile), ...keys.map(keysFile)];
    if (files.length === 0) return;
    await this.#thread.release(files);
    for (const period of history) await this.#history.drop(period);
    for (const period of keys) await this.#keys.drop(period);
    for (const file of files) {
      for (const name of [file, `${file}-lock`]) await rm(join(this.#folder, name), { force: true });
      this.#sizes.delete(file);
    }
  }

  async copy(known: ReadonlySet<string>): Promise<StoreCopy | null> {
    const meta = this.meta();
    if (meta === null) return null;
    const into = `${this.#folder}${COPY_SUFFIX}`;
    await rm(into, { recursive: true, force: true });
    await mkdir(into);
    const discard = (): Promise<void> => rm(into, { recursive: true, force: true });
    const outcome = await this.#thread.copy(into, known);
    if (outcome.type === "copied") {
      const chunksOf = (part: PartName) =>
        known.has(partKey(part)) ? null : () => createReadStream(join(into, part.name));
      return { meta, parts: outcome.parts.map((part) => ({ ...part, chunks: chunksOf(part) })), discard };
    }
    await discard();
    if (outcome.type === "full") throw new StoreFull(`There is no room for a copy of the store in ${this.#folder}.`);
    throw new Error(`The store in ${this.#folder} could not be copied: ${outcome.reason}`);
  }

  bytes(): number {
    let bytes = 0;
    for (const size of this.#sizes.values()) bytes += size;
    return bytes;
  }

  async close(): Promise<void> {
    await this.#thread.close();
    await this.#history.close();
    await this.#keys.close();
    await this.#main.root.close();
    noteFiles(this.#folder);
  }

  #changed(file: string, bytes: number): void {
    this.#sizes.set(file, bytes);
    const historyDay = historyPeriod(file);
    if (historyDay !== undefined) this.#history.changed(historyDay);
    const keysDay = keysPeriod(file);
    if (keysDay !== undefined) this.#keys.changed(keysDay);
  }

  *#listSources(): Generator<ListSource> {
    yield { lists: this.#main.lists, scopesOf: this.#mainScopes, codes: LIVE_LISTS };
    for (const period of this.#history.periods()) {
      const day = this.#history.day(period);
      yield { lists: day.lists, scopesOf: day.scopesOf, codes: END_LISTS };
    }
  }
}
