// The store's own thread: the only one that changes the environments while the store is open. It takes one message at
// a time and answers each.
import { statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { type PartName, partKey, type SliceOutcome } from "../store.ts";
import { applyToHistory, applyToKeys, applyToMain } from "./apply.ts";
import { filesOf } from "./condition.ts";
import {
  type Environment,
  historyFile,
  historyPeriod,
  keysFile,
  keysPeriod,
  MAIN_FILE,
  openHistory,
  openKeys,
  openMain,
} from "./environment.ts";
import { lineageOf, sliceNumberOf } from "./facts.ts";
import { OpenDays } from "./open-days.ts";
import { redoOf } from "./redo.ts";
import { Scopes } from "./scopes.ts";
import { decodeSlice, type SliceMessage } from "./slice-message.ts";

/** What the store asks of its thread. */
export type WriterRequest =
  | { readonly type: "write"; readonly slice: SliceMessage }
  /** Let go of the files of days, so that they can be unlinked. */
  | { readonly type: "release"; readonly files: readonly string[] }
  /** Copy all files into a folder, but for those whose names and tags are known. */
  | { readonly type: "copy"; readonly into: string; readonly known: ReadonlySet<string> }
  | { readonly type: "close" };

/** What its thread answers. */
export type WriterAnswer =
  | {
      readonly type: "write";
      readonly outcome: SliceOutcome;
      /** The message's buffer, to be used again. */
      readonly buffer: ArrayBuffer;
      /** Sizes of the files that were written. */
      readonly sizes: readonly (readonly [file: string, bytes: number])[];
    }
  | { readonly type: "release" }
  | { readonly type: "copy"; readonly outcome: CopyOutcome }
  | { readonly type: "close" };

/** What became of a copy. Nothing was copied unless it is `copied`; what lies in the folder is the asker's to remove. */
export type CopyOutcome =
  | { readonly type: "copied"; readonly parts: readonly PartName[] }
  | { readonly type: "full" }
  | { readonly type: "failed"; readonly reason: string };

/** Days written to at once: today's, and yesterday's about midnight; a replay after a long stop may go through more. */
const DAYS_OPEN_MAX = 4;

/** Room left on the disk below which slices are refused: LMDB must never run out in the middle of one. */
const FREE_BYTES_MIN = 64 * 1024 * 1024;

const ENOSPC = 28;
const EFBIG = 27;
const EDQUOT = 122;

const folder: string = String(workerData);
const main = openMain(folder);
const mainScopes = new Scopes(main);
const history = new OpenDays(DAYS_OPEN_MAX, (period) => {
  const environment = openHistory(folder, period);
  return { ...environment, scopesOf: new Scopes(environment) };
});
const keys = new OpenDays(DAYS_OPEN_MAX, (period) => openKeys(folder, period));

function write(message: SliceMessage): WriterAnswer {
  const files = [MAIN_FILE];
  const outcome = room() ? apply(message, files) : ({ type: "full" } as const);
  const sizes =
    outcome.type === "written" ? files.map((file) => [file, statSync(join(folder, file)).size] as const) : [];
  return { type: "write", outcome, buffer: message.buffer, sizes };
}

function apply(message: SliceMessage, files: string[]): SliceOutcome {
  const slice = decodeSlice(message);
  const redo = redoOf(slice);
  let number: number;
  try {
    number = applyToMain(main, mainScopes, slice, redo);
  } catch (error: unknown) {
    return isFull(error) ? { type: "full" } : { type: "failed", reason: String(error) };
  }
  // The slice has happened. Should a disk run full within it after all, opening again applies the rest.
  try {
    for (const part of redo.keys.values()) {
      applyToKeys(keys.get(part.period), part, number);
      files.push(keysFile(part.period));
    }
    for (const part of redo.history.values()) {
      const day = history.get(part.period);
      applyToHistory(day, day.scopesOf, part, number);
      files.push(historyFile(part.period));
    }
  } catch (error: unknown) {
    return { type: "failed", reason: String(error) };
  }
  return { type: "written" };
}

function room(): boolean {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize >= FREE_BYTES_MIN;
}

/** LMDB reports a write cut short by a full disk as an I/O error; what room is left tells the two apart. */
function isFull(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === ENOSPC || code === EDQUOT || code === EFBIG || !room();
}

/** Every file with a tag that changes with every slice that touches it. */
function* named(): Generator<PartName & { readonly environment: Environment }> {
  const lineage = lineageOf(main);
  const tag = ({ facts }: Environment): string => `${lineage}-${sliceNumberOf(facts)}`;
  yield { name: MAIN_FILE, tag: tag(main), environment: main };
  for (const file of filesOf(folder)) {
    const historyDay = historyPeriod(file);
    const keysDay = keysPeriod(file);
    const environment =
      historyDay === undefined ? (keysDay === undefined ? undefined : keys.get(keysDay)) : history.get(historyDay);
    if (environment !== undefined) yield { name: file, tag: tag(environment), environment };
  }
}

async function copy(into: string, known: ReadonlySet<string>): Promise<WriterAnswer> {
  const parts: PartName[] = [];
  try {
    for (const { name, tag, environment } of named()) {
      parts.push({ name, tag });
      if (!known.has(partKey({ name, tag }))) await environment.root.backup(join(into, name), true);
    }
    return { type: "copy", outcome: { type: "copied", parts } };
  } catch (error: unknown) {
    return { type: "copy", outcome: isFull(error) ? { type: "full" } : { type: "failed", reason: String(error) } };
  }
}

async function release(files: readonly string[]): Promise<WriterAnswer> {
  for (const file of files) {
    const historyDay = historyPeriod(file);
    if (historyDay !== undefined) await history.close(historyDay);
    const keysDay = keysPeriod(file);
    if (keysDay !== undefined) await keys.close(keysDay);
  }
  return { type: "release" };
}

async function close(): Promise<WriterAnswer> {
  await history.closeAll();
  await keys.closeAll();
  await main.root.close();
  return { type: "close" };
}

function answer(reply: WriterAnswer): void {
  parentPort?.postMessage(reply, reply.type === "write" ? [reply.buffer] : []);
}

async function handle(request: WriterRequest): Promise<void> {
  switch (request.type) {
    case "write":
      return answer(write(request.slice));
    case "release":
      return answer(await release(request.files));
    case "copy":
      return answer(await copy(request.into, request.known));
    case "close":
      answer(await close());
      parentPort?.close();
  }
}

/** One message after the other: a slice that comes during a copy waits for its end. */
let last = Promise.resolve();
parentPort?.on("message", (request: WriterRequest) => {
  last = last.then(() => handle(request));
});
