// A program of its own: opens environments and walks them, so that a torn or damaged file kills or fails this process and
// not the one that serves (LMDB reads from a memory map: a page beyond the end of the file is SIGBUS).
//
//   node probe.ts <folder> <file>…
//
// Says VERDICT_WELL on standard output when all are well; on standard error what is wrong with which file otherwise.
import { statSync, writeSync } from "node:fs";
import { ABORT } from "lmdb";
import { VERDICT_WELL } from "./condition.ts";
import { unseal } from "./envelope.ts";
import {
  type Bytes,
  type Environment,
  historyPeriod,
  keysPeriod,
  openHistory,
  openKeys,
  openMain,
} from "./environment.ts";

/** Entries read from either end of each database of a file that looks whole. A few dozen pages, a millisecond or two. */
const ENTRIES_MAX = 1000;
/** … and no more bytes than this, for definitions may be large; whoever opens the store reads all of these. */
const ENTRIES_BYTES_MAX = 4 * 1024 * 1024;

interface Walk {
  readonly db: Bytes;
  /** Whether values are sealed and so can be checked. */
  readonly sealed: boolean;
}

function probeFile(folder: string, file: string): void {
  try {
    probe(folder, file);
  } catch (error: unknown) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function probe(folder: string, file: string): void {
  const { environment, walks } = openFile(folder, file);
  const short = isShort(environment);
  const limit = short ? Number.MAX_SAFE_INTEGER : ENTRIES_MAX;
  for (const { db, sealed } of walks) {
    for (const reverse of [false, true]) {
      let bytes = 0;
      for (const { value } of db.getRange(reverse ? { reverse, limit, start: Buffer.alloc(64, 255) } : { limit })) {
        if (sealed) unseal(value, file, () => "an entry");
        bytes += value.length;
        if (bytes > ENTRIES_BYTES_MAX && !short) break;
      }
    }
  }
  // Begins a write, which reads the list of free pages, and undoes it.
  environment.root.transactionSync(() => {
    environment.facts.putSync(Buffer.from("probe"), Buffer.alloc(1));
    return ABORT;
  });
}

/** Whether the file ends before its last page: it may be a page nobody uses; only reading all of it can tell. */
function isShort(environment: Environment): boolean {
  const stats: Record<string, unknown> = { ...environment.root.getStats() };
  const lastPage = Number(stats["lastPageNumber"]);
  const pageBytes = Number(stats["pageSize"]);
  return !(statSync(environment.path).size >= (lastPage + 1) * pageBytes);
}

function openFile(folder: string, file: string): { environment: Environment; walks: Walk[] } {
  const historyDay = historyPeriod(file);
  if (historyDay !== undefined) {
    const day = openHistory(folder, historyDay);
    return {
      environment: day,
      walks: [plain(day.runs), sealed(day.blocks), plain(day.lists), plain(day.scopes), plain(day.facts)],
    };
  }
  const keysDay = keysPeriod(file);
  if (keysDay !== undefined) {
    const day = openKeys(folder, keysDay);
    return { environment: day, walks: [sealed(day.keys), plain(day.facts)] };
  }
  const main = openMain(folder);
  return {
    environment: main,
    walks: [
      sealed(main.live),
      plain(main.lists),
      plain(main.timers),
      sealed(main.rows),
      plain(main.redo),
      plain(main.scopes),
      plain(main.facts),
    ],
  };
}

const plain = (db: Bytes): Walk => ({ db, sealed: false });
const sealed = (db: Bytes): Walk => ({ db, sealed: true });

const [folder, ...files] = process.argv.slice(2);
try {
  for (const file of files) if (folder !== undefined) probeFile(folder, file);
  writeSync(process.stdout.fd, VERDICT_WELL);
} catch (error: unknown) {
  writeSync(process.stderr.fd, error instanceof Error ? error.message : String(error));
}
// Ends at once, with nothing tidied up. Closing dozens of environments in order would only cost start-up time, and Node.js
// can hang for ever in an orderly exit while it compiles hot functions in the background (nodejs/node#54918).
process.kill(process.pid, "SIGKILL");
