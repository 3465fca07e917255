// A mirror in a folder: files of records one behind the other, named by the position and chain of the record before.
//
// 1. Frames are written in the order they are kept, by one stream a file, and never synced: the journal is the truth.
// 2. What a crash left is read up to the first record that is not whole or does not follow; the rest is forgotten.
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, readdir, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type Position, position, term } from "@millrace/model/ids.ts";
import type { JournalRecord, JournalTail } from "../journal.ts";
import { isKept, type Mirror, type MirroredStretch } from "../mirror.ts";
import { decodeRecord, encodeRecord, tailBefore, tailOf } from "../record.ts";

/** A file is closed and the next one begun at this size: what can be forgotten at a time. */
const FILE_BYTES = 16 * 1024 * 1024;
/** Bytes on their way to the disk; when it is that far behind, the mirror begins anew. */
const BEHIND_BYTES_MAX = 64 * 1024 * 1024;
const NAME = /^(\d{16})-([0-9a-f]{8})\.records$/;

interface MirrorFile {
  readonly path: string;
  readonly base: JournalTail;
}

/** Opens the mirror in a folder, making it if need be. */
export async function openFileMirror(folder: string): Promise<Mirror> {
  await mkdir(folder, { recursive: true });
  const mirror = new FileMirror(folder);
  await mirror.load();
  return mirror;
}

class FileMirror implements Mirror {
  readonly #folder: string;
  #files: MirrorFile[] = [];
  #tail: JournalTail | null = null;
  #stream: WriteStream | null = null;
  #streamBytes = 0;
  /** Files that are full and not all written yet. */
  #finishing: Promise<unknown> = Promise.resolve();
  /** Files on their way out. */
  #leaving: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Takes up what is there; how far the last file is whole is known only by reading it. */
  async load(): Promise<void> {
    const names = (await readdir(this.#folder)).sort();
    this.#files = names.flatMap((name) => fileOf(this.#folder, name) ?? []);
    const last = this.#files.at(-1);
    if (last === undefined) return;
    this.#tail = last.base;
    walk(await readFile(last.path), last.base, (record) => {
      this.#tail = tailOf(record);
    });
  }

  keep(record: JournalRecord): void {
    const tail = this.#tail;
    if (isKept(this.#files[0]?.base, tail, record)) return;
    const follows = tail !== null && record.position === tail.position + 1 && record.previousChain === tail.chain;
    if (!follows || (this.#stream?.writableLength ?? 0) > BEHIND_BYTES_MAX) this.#begin();
    if (this.#stream === null || this.#streamBytes >= FILE_BYTES) this.#next(tailBefore(record));
    const { frame } = encodeRecord(record, record.body);
    this.#stream?.write(frame);
    this.#streamBytes += frame.length;
    this.#tail = tailOf(record);
  }

  stretch(): MirroredStretch | null {
    const base = this.#files[0]?.base;
    const tail = this.#tail;
    return base === undefined || tail === null || tail.position === base.position ? null : { base, tail };
  }

  forgetBefore(before: Position): void {
    for (;;) {
      const [oldest, next] = this.#files;
      if (oldest === undefined || next === undefined || next.base.position + 1 > before) return;
      this.#files.shift();
      this.#leave([oldest]);
    }
  }

  async read(from: Position, visit: (frame: Uint8Array, record: JournalRecord) => void): Promise<void> {
    await this.#written();
    const files = [...this.#files];
    let tail: JournalTail | undefined;
    for (const [index, { path, base }] of files.entries()) {
      const next = files[index + 1];
      if (next !== undefined && next.base.position < from) continue;
      // A file before was cut short: what is here does not follow.
      if (tail !== undefined && (tail.position !== base.position || tail.chain !== base.chain)) return;
      const bytes = await readFile(path);
      tail = walk(bytes, base, (record, start, end) => {
        if (record.position >= from) visit(bytes.subarray(start, end), record);
      });
    }
  }

  async close(): Promise<void> {
    await this.#written();
    this.#finish();
    await this.#finishing;
    await this.#leaving;
  }

  /** Forgets everything: what comes does not follow it. */
  #begin(): void {
    this.#stream?.destroy();
    this.#stream = null;
    this.#leave(this.#files);
    this.#files = [];
    this.#tail = null;
  }

  /** The file is full, or the last one: what is on its way to it still gets there. */
  #finish(): void {
    const stream = this.#stream;
    this.#stream = null;
    if (stream === null) return;
    const finished = new Promise<void>((resolve) => stream.once("close", resolve));
    stream.end();
    this.#finishing = this.#finishing.then(() => finished);
  }

  #next(base: JournalTail): void {
    this.#finish();
    const path = join(this.#folder, nameOf(base));
    const stream = createWriteStream(path, { flags: "w", mode: 0o600 });
    // A full disk: records are missing from here, so that a later one begins anew.
    stream.on("error", () => {
      if (this.#stream === stream) this.#begin();
    });
    this.#stream = stream;
    this.#streamBytes = 0;
    this.#files.push({ path, base });
  }

  #leave(files: readonly MirrorFile[]): void {
    const paths = files.map(({ path }) => path);
    this.#leaving = this.#leaving.then(() => Promise.allSettled(paths.map((path) => unlink(path))));
  }

  /** Resolves when everything kept so far can be read. */
  async #written(): Promise<void> {
    const stream = this.#stream;
    await this.#finishing;
    if (stream === null || stream.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      stream.write("", () => resolve());
      stream.once("error", () => resolve());
    });
  }
}

/** Visits records as long as one follows the other; returns the last one. */
function walk(
  bytes: Buffer,
  base: JournalTail,
  visit: (record: JournalRecord, start: number, end: number) => void,
): JournalTail {
  let tail = base;
  for (let at = 0; ; ) {
    const read = decodeRecord(bytes, at, tail);
    if (read.type !== "record") return tail;
    visit(read.record, at, read.end);
    tail = tailOf(read.record);
    at = read.end;
  }
}

function nameOf({ position: at, chain }: JournalTail): string {
  return `${String(at).padStart(16, "0")}-${chain.toString(16).padStart(8, "0")}.records`;
}

function fileOf(folder: string, name: string): MirrorFile | undefined {
  const [, at, chain] = NAME.exec(name) ?? [];
  if (at === undefined || chain === undefined) return undefined;
  const base = { position: position(Number(at)), chain: Number.parseInt(chain, 16), term: term(0), timeMs: 0 };
  return { path: join(folder, name), base };
}
