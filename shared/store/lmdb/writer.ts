// The store's own thread: the only one that changes the environments while the store is open. It takes one message at
// a time and answers each.
import { statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import type { SliceOutcome } from "../store.ts";
import { applyToHistory, applyToKeys, applyToMain } from "./apply.ts";
import {
  historyFile,
  historyPeriod,
  keysFile,
  keysPeriod,
  MAIN_FILE,
  openHistory,
  openKeys,
  openMain,
} from "./environment.ts";
import { OpenDays } from "./open-days.ts";
import { redoOf } from "./redo.ts";
import { Scopes } from "./scopes.ts";
import { decodeSlice, type SliceMessage } from "./slice-message.ts";

/** What the store asks of its thread. */
export type WriterRequest =
  | { readonly type: "write"; readonly slice: SliceMessage }
  /** Let go of the files of days, so that they can be unlinked. */
  | { readonly type: "release"; readonly files: readonly string[] }
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
  | { readonly type: "close" };

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

parentPort?.on("message", (request: WriterRequest) => {
  switch (request.type) {
    case "write":
      answer(write(request.slice));
      break;
    case "release":
      void release(request.files).then(answer);
      break;
    case "close":
      void close().then((reply) => {
        answer(reply);
        parentPort?.close();
      });
      break;
  }
});
