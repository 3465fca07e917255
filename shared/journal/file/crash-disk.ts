// A disk in memory for tests. It remembers every write and every change of a name, when it began and when it was
// durable, and so can say what a crash at any instant may have left on it.
// 1. A write is visible when it begins and durable when it has ended: between the two any part of it may be on disk.
// 2. A name is durable when the folder was synced after it changed: before, any subset of the changes may be.
import { JournalLocked } from "../journal.ts";
import type { Disk, DiskFile, ListedFile } from "./disk.ts";

/** What a crash left: file contents by name. */
export type DiskImage = ReadonlyMap<string, Buffer>;

interface Inode {
  bytes: Buffer;
}

export interface WriteEvent {
  readonly type: "write";
  readonly inode: Inode;
  readonly at: number;
  readonly bytes: Buffer;
  readonly begun: number;
  /** null = not yet, or never: its process died. */
  durable: number | null;
}

export interface NameEvent {
  readonly type: "name";
  /** null = it was not there before, as for a new file. */
  readonly from: string | null;
  /** null = it is gone. */
  readonly to: string | null;
  readonly inode: Inode;
  readonly begun: number;
  durable: number | null;
}

/** How much of what was under way reached the disk. */
export interface CrashChoice {
  /** Which bytes of a write did: pairs of start and end. */
  written(event: WriteEvent): readonly (readonly [number, number])[];
  renamed(event: NameEvent): boolean;
}

export class CrashDisk implements Disk {
  /** Room for files in all, bytes. */
  roomBytes = Number.POSITIVE_INFINITY;
  /** What becomes of the next writes, one each; `partBytes` of one are written all the same. */
  readonly failures: { readonly code: string; readonly partBytes: number }[] = [];
  /** While false, writes that begin do not end. */
  endsWrites = true;
  readonly #events: (WriteEvent | NameEvent)[] = [];
  readonly #initial: DiskImage;
  readonly #initialInodes = new Map<string, Inode>();
  readonly #names = new Map<string, Inode>();
  #now = 0;
  #isLocked = false;
  /** Counts processes: what a dead one had under way never ends. */
  #process = 0;

  constructor(image: DiskImage = new Map()) {
    this.#initial = image;
    for (const [name, bytes] of image) {
      const inode = { bytes: Buffer.from(bytes) };
      this.#initialInodes.set(name, inode);
      this.#names.set(name, inode);
    }
  }

  /** The number of instants so far: one passes with every beginning and every end. */
  get now(): number {
    return this.#now;
  }

  /** The process that uses the disk dies: nothing it had under way ends, and its lock is gone. */
  killProcess(): void {
    this.#process += 1;
    this.#isLocked = false;
    this.endsWrites = true;
  }

  /** What was under way at an instant. */
  uncertainAt(instant: number): { readonly writes: WriteEvent[]; readonly names: NameEvent[] } {
    const open = this.#events.filter(
      (event) => event.begun < instant && (event.durable === null || event.durable >= instant),
    );
    return {
      writes: open.filter((event) => event.type === "write"),
      names: open.filter((event) => event.type === "name"),
    };
  }

  /** What is on the disk after a loss of power at an instant. */
  imageAt(instant: number, choice: CrashChoice): DiskImage {
    const contents = new Map<Inode, Buffer>();
    const names = new Map<string, Inode>();
    for (const [name, inode] of this.#initialInodes) {
      names.set(name, inode);
      contents.set(inode, this.#initial.get(name) ?? Buffer.alloc(0));
    }
    for (const event of this.#events) {
      if (event.begun >= instant) break;
      const isDurable = event.durable !== null && event.durable < instant;
      if (event.type === "name") {
        if (isDurable || choice.renamed(event)) changeName(names, event);
      } else {
        const ranges = isDurable ? [[0, event.bytes.length] as const] : choice.written(event);
        for (const [start, end] of ranges) {
          const before = contents.get(event.inode) ?? Buffer.alloc(0);
          contents.set(event.inode, overwrite(before, event.at + start, event.bytes.subarray(start, end)));
        }
      }
    }
    return new Map([...names].map(([name, inode]) => [name, contents.get(inode) ?? Buffer.alloc(0)]));
  }

  lock(): Promise<void> {
    if (this.#isLocked) return Promise.reject(new JournalLocked("The journal is open already."));
    this.#isLocked = true;
    return Promise.resolve();
  }

  unlock(): Promise<void> {
    this.#isLocked = false;
    return Promise.resolve();
  }

  list(): Promise<ListedFile[]> {
    return Promise.resolve([...this.#names].map(([name, inode]) => ({ name, bytes: inode.bytes.length })));
  }

  open(name: string): Promise<DiskFile> {
    return Promise.resolve(this.#file(this.#inode(name)));
  }

  create(name: string): Promise<DiskFile> {
    if (this.#names.has(name)) return Promise.reject(new Error(`${name} exists.`));
    const inode = { bytes: Buffer.alloc(0) };
    this.#changeName(null, name, inode);
    return Promise.resolve(this.#file(inode));
  }

  rename(from: string, to: string): Promise<void> {
    this.#changeName(from, to, this.#inode(from));
    return Promise.resolve();
  }

  remove(name: string): Promise<void> {
    this.#changeName(name, null, this.#inode(name));
    return Promise.resolve();
  }

  syncFolder(): Promise<void> {
    const durable = this.#tick();
    for (const event of this.#events) if (event.type === "name") event.durable ??= durable;
    return Promise.resolve();
  }

  freeBytes(): Promise<number> {
    return Promise.resolve(this.roomBytes - this.#usedBytes());
  }

  /** Flips a bit of what is stored. */
  flip(name: string, at: number): void {
    const { bytes } = this.#inode(name);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
  }

  #usedBytes(): number {
    let used = 0;
    for (const inode of new Set(this.#names.values())) used += inode.bytes.length;
    return used;
  }

  #file(inode: Inode): DiskFile {
    return {
      write: (bytes, at, done) => {
        this.#write(inode, { bytes: Buffer.from(bytes), at }, done);
      },
      read: (into, at) => Promise.resolve(inode.bytes.copy(into, 0, at)),
      close: () => Promise.resolve(),
    };
  }

  #write(inode: Inode, write: { bytes: Buffer; at: number }, done: (error: Error | null) => void): void {
    const growth = Math.max(write.at + write.bytes.length - inode.bytes.length, 0);
    const failure =
      this.failures.shift() ?? (growth > this.roomBytes - this.#usedBytes() ? { code: "ENOSPC", partBytes: 0 } : null);
    const bytes = failure === null ? write.bytes : write.bytes.subarray(0, failure.partBytes);
    const event: WriteEvent = { type: "write", inode, at: write.at, bytes, begun: this.#tick(), durable: null };
    this.#events.push(event);
    inode.bytes = overwrite(inode.bytes, write.at, bytes);
    const writer = this.#process;
    if (!this.endsWrites) return;
    queueMicrotask(() => {
      if (writer !== this.#process) return;
      event.durable = this.#tick();
      done(failure === null ? null : Object.assign(new Error(failure.code), { code: failure.code }));
    });
  }

  #changeName(from: string | null, to: string | null, inode: Inode): void {
    const event: NameEvent = { type: "name", from, to, inode, begun: this.#tick(), durable: null };
    this.#events.push(event);
    changeName(this.#names, event);
  }

  #inode(name: string): Inode {
    const inode = this.#names.get(name);
    if (inode === undefined) throw Object.assign(new Error(`There is no ${name}.`), { code: "ENOENT" });
    return inode;
  }

  #tick(): number {
    this.#now += 1;
    return this.#now - 1;
  }
}

function changeName(names: Map<string, Inode>, event: NameEvent): void {
  // Without the change before it, this one finds nothing to rename.
  if (event.from !== null && names.get(event.from) !== event.inode) return;
  if (event.from !== null) names.delete(event.from);
  if (event.to !== null) names.set(event.to, event.inode);
}

function overwrite(before: Buffer, at: number, bytes: Buffer): Buffer {
  if (bytes.length === 0) return before;
  const after = Buffer.alloc(Math.max(before.length, at + bytes.length));
  before.copy(after);
  bytes.copy(after, at);
  return after;
}
