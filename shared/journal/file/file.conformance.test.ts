import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Position } from "@millrace/model/ids.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { type JournalRig, journalConformance } from "../conformance.ts";
import { decodeRecord } from "../record.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { nodeDisk } from "./node-disk.ts";
import { openOnDisk } from "./open.ts";
import { decodeSegmentHeader, firstOf, SEGMENT_HEADER_BYTES } from "./segment.ts";

/** The largest record fits, and a few of them fill it. */
const SEGMENT_BYTES = 1024 * 1024;

/** The real disk, with the two things that cannot be asked of it. */
class TroubledDisk implements Disk {
  isFull = false;
  failsNextWrite = false;
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  lock = (): Promise<void> => this.#disk.lock();
  unlock = (): Promise<void> => this.#disk.unlock();
  list: Disk["list"] = () => this.#disk.list();
  open: Disk["open"] = async (name) => this.#troubled(await this.#disk.open(name));
  create: Disk["create"] = async (name) => this.#troubled(await this.#disk.create(name));
  rename: Disk["rename"] = (from, to) => this.#disk.rename(from, to);
  remove: Disk["remove"] = (name) => this.#disk.remove(name);
  syncFolder = (): Promise<void> => this.#disk.syncFolder();
  freeBytes = (): Promise<number> => (this.isFull ? Promise.resolve(0) : this.#disk.freeBytes());

  #troubled(file: DiskFile): DiskFile {
    const fails = (bytes: Uint8Array): string | null => {
      if (this.failsNextWrite) {
        this.failsNextWrite = false;
        return "EIO";
      }
      // Zeros take back what a write for which there was no room may have left.
      return this.isFull && bytes.some((byte) => byte !== 0) ? "ENOSPC" : null;
    };
    return {
      read: (into, at) => file.read(into, at),
      close: () => file.close(),
      write: (bytes, at, done) => {
        const code = fails(bytes);
        if (code === null) file.write(bytes, at, done);
        // As bad as it gets: all of it was written.
        else file.write(bytes, at, () => done(Object.assign(new Error(code), { code })));
      },
    };
  }
}

interface Place {
  readonly path: string;
  readonly bytes: Buffer;
  /** Where the record begins, or would. */
  readonly offset: number;
}

/** Where a record lies; undefined = where the next one would. */
async function placeOf(folder: string, wanted: Position | undefined): Promise<Place> {
  const names = (await readdir(folder)).filter((name) => firstOf(name) !== undefined).toSorted();
  let end: Place | undefined;
  for (const name of names) {
    const path = join(folder, name);
    const bytes = await readFile(path);
    const first = firstOf(name);
    let tail = first === undefined ? undefined : decodeSegmentHeader(bytes, first);
    let offset = SEGMENT_HEADER_BYTES;
    while (tail !== undefined) {
      if (tail.position + 1 === wanted) return { path, bytes, offset };
      const decoded = decodeRecord(bytes, offset, tail);
      if (decoded.type !== "record") break;
      tail = decoded.record;
      offset = decoded.end;
    }
    end = { path, bytes, offset };
  }
  if (end === undefined) throw new Error(`There is no segment in ${folder}.`);
  return end;
}

async function makeRig(usesDsync: boolean): Promise<JournalRig> {
  const folder = await tempFolder();
  const disk = new TroubledDisk(nodeDisk(folder.path, usesDsync));
  return {
    secondOpening: "locked",
    // A disk of its own would share the lock file, as another process does.
    open: () => openOnDisk(disk, { segmentBytes: SEGMENT_BYTES }),
    leaveBehindTail: async (left) => {
      const { path, bytes, offset } = await placeOf(folder.path, undefined);
      bytes.set(left, offset);
      await writeFile(path, bytes);
    },
    damage: async (at) => {
      const { path, bytes, offset } = await placeOf(folder.path, at);
      bytes[offset + 20] = (bytes[offset + 20] ?? 0) ^ 1;
      await writeFile(path, bytes);
    },
    setFull: (isFull) => {
      disk.isFull = isFull;
    },
    doubtNextAppend: () => {
      disk.failsNextWrite = true;
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

journalConformance("file", () => makeRig(true));
journalConformance("file (a sync after each write)", () => makeRig(false));
