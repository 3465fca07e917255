// The LMDB environments of a store, one file each:
//
//   main.mdb                  live runs, their lists and timers, rows of the shard's own, what the last checkpoint says,
//                             the redo of the last slice
//   history-2026-09-24.mdb    runs that ended on this UTC day, and their lists
//   keys-2026-09-24.mdb       idempotency keys of runs started on this UTC day
//
// Retention unlinks whole day files: nothing is deleted row by row, and no file carries another one's free pages.
// Every environment names its own scopes, so each can be read and dropped alone.
//
// LMDB runs in its plain mode: a commit is on disk when it returns. The modes that sync later (`noSync`,
// `overlappingSync`, `noMetaSync`) were left out: after a power cut they can take one environment further back than
// another, or tear it; with one commit per 4 MiB slice, on a thread of its own, they would save 2 syncs of about 0.5 ms.

import { join } from "node:path";
import { type Database, open, type RootDatabase } from "lmdb";
import { PERIOD_MS } from "../store.ts";

/** Virtual address space given to a file, so that it never has to be mapped anew while somebody reads. Not disk, not memory. */
const MAP_BYTES = 2 ** 40;

export type Bytes = Database<Buffer, Buffer>;

/** What all environments have. */
export interface Environment {
  readonly path: string;
  readonly root: RootDatabase<Buffer, Buffer>;
  /** What is true of the environment as a whole. */
  readonly facts: Bytes;
}

export interface MainEnvironment extends Environment {
  /** run → envelope of the encoded state. */
  readonly live: Bytes;
  /** scope · status · run → nothing. */
  readonly lists: Bytes;
  /** scope name → scope. */
  readonly scopes: Bytes;
  /** due · run → tenant. */
  readonly timers: Bytes;
  /** key → envelope of the position and the row. */
  readonly rows: Bytes;
  /** ordinal → what the last slice does to other environments. */
  readonly redo: Bytes;
}

export interface HistoryEnvironment extends Environment {
  /** run → block · ordinal in the block. */
  readonly runs: Bytes;
  /** block → envelope of many ended runs. */
  readonly blocks: Bytes;
  readonly lists: Bytes;
  readonly scopes: Bytes;
}

export interface KeyEnvironment extends Environment {
  /** hash of tenant and key → the run they started. */
  readonly keys: Bytes;
}

export const MAIN_FILE = "main.mdb";
const HISTORY_FILE = /^history-(\d{4}-\d{2}-\d{2})\.mdb$/;
const KEYS_FILE = /^keys-(\d{4}-\d{2}-\d{2})\.mdb$/;

/** Opens (and makes, if need be) the main environment. */
export function openMain(folder: string): MainEnvironment {
  const { path, root, db } = openFile(folder, MAIN_FILE);
  return {
    path,
    root,
    facts: db("facts"),
    live: db("live"),
    lists: db("lists"),
    scopes: db("scopes"),
    timers: db("timers"),
    rows: db("rows"),
    redo: db("redo"),
  };
}

/** Opens (and makes, if need be) a day of history. */
export function openHistory(folder: string, period: number): HistoryEnvironment {
  const { path, root, db } = openFile(folder, historyFile(period));
  return {
    path,
    root,
    facts: db("facts"),
    runs: db("runs"),
    blocks: db("blocks"),
    lists: db("lists"),
    scopes: db("scopes"),
  };
}

/** Opens (and makes, if need be) a day of keys. */
export function openKeys(folder: string, period: number): KeyEnvironment {
  const { path, root, db } = openFile(folder, keysFile(period));
  return { path, root, facts: db("facts"), keys: db("keys") };
}

/** The period a time falls into. */
export function periodOf(ms: number): number {
  return Math.floor(ms / PERIOD_MS);
}

export const historyFile = (period: number): string => `history-${day(period)}.mdb`;
export const keysFile = (period: number): string => `keys-${day(period)}.mdb`;

/** The period of a history file; undefined for any other file. */
export function historyPeriod(file: string): number | undefined {
  return periodIn(HISTORY_FILE.exec(file));
}

/** The period of a file of keys; undefined for any other file. */
export function keysPeriod(file: string): number | undefined {
  return periodIn(KEYS_FILE.exec(file));
}

function periodIn(match: RegExpExecArray | null): number | undefined {
  const text = match?.[1];
  return text === undefined ? undefined : periodOf(Date.parse(text));
}

function day(period: number): string {
  return new Date(period * PERIOD_MS).toISOString().slice(0, 10);
}

function openFile(folder: string, file: string) {
  const path = join(folder, file);
  const root = open<Buffer, Buffer>({
    path,
    encoding: "binary",
    keyEncoding: "binary",
    maxDbs: 8,
    mapSize: MAP_BYTES,
    overlappingSync: false,
    noSubdir: true,
  });
  const db = (name: string): Bytes => root.openDB<Buffer, Buffer>({ name, encoding: "binary", keyEncoding: "binary" });
  return { path, root, db };
}
