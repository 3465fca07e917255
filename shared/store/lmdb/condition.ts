// Whether a store's files can be trusted before they are mapped: `state.json` says how they were left.
//
// It lists every file's size and time of change, as a closing store or a probe left them. A file that is still so needs
// no look. Any other is probed in a child process (`probe.ts`): after a kill that is the files written to since, and at
// any time what was changed by somebody else. A note that is missing or stale only costs a probe.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StoreDamaged } from "../store.ts";
import { historyPeriod, keysPeriod, MAIN_FILE } from "./environment.ts";

const NOTE_FILE = "state.json";

/** A probe that is not over by then has met something LMDB cannot get out of. */
const PROBE_TIMEOUT_MS = 60_000;
/** What the probe says of files that are well. How it ends means nothing beside that. */
export const VERDICT_WELL = "well";
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

/** Probes the files that are not as they were left. Rejects with {@link StoreDamaged}. */
export async function lookOver(folder: string): Promise<void> {
  const known = readNote(folder);
  const doubtful = filesOf(folder).filter((file) => {
    const noted = known.get(file);
    const state = stateOf(folder, file);
    return noted === undefined || noted.bytes !== state.bytes || noted.changedMs !== state.changedMs;
  });
  if (doubtful.length === 0) return;
  await probe(folder, doubtful);
  noteFiles(folder);
}

/** Notes how the files are left. */
export function noteFiles(folder: string): void {
  const path = join(folder, NOTE_FILE);
  const states = filesOf(folder).map((file) => {
    const { bytes, changedMs } = stateOf(folder, file);
    return [file, [bytes, changedMs]] as const;
  });
  try {
    writeFileSync(`${path}.new`, JSON.stringify(Object.fromEntries(states)), { flush: true });
    renameSync(`${path}.new`, path);
  } catch {
    // On a full disk there is no new note, and the next opening probes.
  }
}

function probe(folder: string, files: readonly string[]): Promise<void> {
  const program = fileURLToPath(new URL("./probe.ts", import.meta.url));
  const child = spawn(process.execPath, [program, folder, ...files], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: PROBE_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  let verdict = "";
  let text = "";
  child.stdout.on("data", (data: Buffer) => {
    if (verdict.length < PROBE_TEXT_MAX) verdict += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => {
    if (text.length < PROBE_TEXT_MAX) text += data.toString();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (verdict === VERDICT_WELL) return resolve();
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

function stateOf(folder: string, file: string): FileState {
  const { size, mtimeMs } = statSync(join(folder, file));
  return { bytes: size, changedMs: mtimeMs };
}
