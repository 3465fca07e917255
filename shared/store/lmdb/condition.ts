// Whether a store's files can be trusted before they are mapped: `state.json` says how they were left.
//
// While a store is open the note says `open`; closing writes `closed` with the size and time of change of every file.
// A file that is as a closed store left it needs no look. Any other is probed in a child process (`probe.ts`): after a
// kill that is the files changed since the store was opened, and what was changed by somebody else.
import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StoreDamaged } from "../store.ts";
import { historyPeriod, keysPeriod, MAIN_FILE } from "./environment.ts";

const NOTE_FILE = "state.json";

/** A probe that is not over by then has met something LMDB cannot get out of. */
const PROBE_TIMEOUT_MS = 60_000;
/** How much of what the probe says is kept. */
const PROBE_TEXT_MAX = 4096;

interface FileState {
  readonly bytes: number;
  readonly changedMs: number;
}

/** The environments' files of a store. */
export function filesOf(folder: string): string[] {
  return readdirSync(folder).filter(
    (file) => file === MAIN_FILE || historyPeriod(file) !== undefined || keysPeriod(file) !== undefined,
  );
}

/** Probes the files that are not as a closed store left them, and notes that the store is open. Rejects with {@link StoreDamaged}. */
export async function takeOver(folder: string): Promise<void> {
  const known = readNote(folder);
  const files = filesOf(folder);
  const doubtful = files.filter((file) => {
    const noted = known.get(file);
    const state = stateOf(folder, file);
    return noted === undefined || noted.bytes !== state.bytes || noted.changedMs !== state.changedMs;
  });
  if (doubtful.length > 0) await probe(folder, doubtful);
  // Files that stay as they are keep their entry: a kill later on leaves only the changed ones in doubt.
  writeNote(folder, files);
}

/** Notes how the files were left. Nothing may change them afterwards. */
export function handBack(folder: string): void {
  writeNote(folder, filesOf(folder));
}

function probe(folder: string, files: readonly string[]): Promise<void> {
  const program = fileURLToPath(new URL("./probe.ts", import.meta.url));
  const child = spawn(process.execPath, [program, folder, ...files], {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: PROBE_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  let text = "";
  child.stderr.on("data", (data: Buffer) => {
    if (text.length < PROBE_TEXT_MAX) text += data.toString();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) return resolve();
      const problem = text.trim() === "" ? `reading it ended with ${signal ?? code}` : text.trim();
      reject(new StoreDamaged(folder, `${problem} (looked at ${files.join(", ")})`));
    });
  });
}

function readNote(folder: string): Map<string, FileState> {
  const path = join(folder, NOTE_FILE);
  const known = new Map<string, FileState>();
  if (!existsSync(path)) return known;
  let note: unknown;
  try {
    note = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return known; // A note torn by a crash says nothing: everything is probed.
  }
  if (typeof note !== "object" || note === null) return known;
  for (const [file, state] of Object.entries(note)) {
    const fields: unknown[] = Array.isArray(state) ? state : [];
    const [bytes, changedMs] = fields;
    if (typeof bytes === "number" && typeof changedMs === "number") known.set(file, { bytes, changedMs });
  }
  return known;
}

function writeNote(folder: string, files: readonly string[]): void {
  const states = files.map((file) => {
    const { bytes, changedMs } = stateOf(folder, file);
    return [file, [bytes, changedMs]] as const;
  });
  const path = join(folder, NOTE_FILE);
  const handle = openSync(`${path}.new`, "w");
  writeSync(handle, JSON.stringify(Object.fromEntries(states)));
  fsyncSync(handle);
  closeSync(handle);
  renameSync(`${path}.new`, path);
  syncFolder(folder);
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  fsyncSync(handle);
  closeSync(handle);
}

function stateOf(folder: string, file: string): FileState {
  const { size, mtimeMs } = statSync(join(folder, file));
  return { bytes: size, changedMs: mtimeMs };
}
