// Segments in waiting: files of zeros, or of records long truncated, ready to be renamed and written over. Writing over
// blocks that were once written needs no metadata on disk, which is what makes an append one short write.
// Owns every file named `*.spare`. One that is still being made, or was when its process died, is smaller than the rest.
// Names of spares need not be durable: that is seen to when one becomes a segment.
import { type Disk, isNoRoom, writeDurably } from "./disk.ts";
import { spareName, spareOrdinal } from "./segment.ts";

/**
 * Spares kept when segments are truncated: what a checkpoint frees at once at full speed (some 48 to 96 MiB of journal).
 * With fewer, a busy journal writes every block twice, first with zeros.
 */
export const SPARES_MAX = 6;

/** Zeros written at once while a segment is made: large enough to be fast, small enough not to hold up an append. */
const ZEROS = Buffer.alloc(1024 * 1024);

export interface Spare {
  readonly name: string;
  readonly bytes: number;
}

export class Spares {
  readonly #disk: Disk;
  /** Spares of other sizes are not kept. */
  readonly #segmentBytes: number;
  #ready: Spare[] = [];
  #nextOrdinal = 1;
  #making: Promise<void> | null = null;
  #isStopped = false;

  constructor(disk: Disk, segmentBytes: number) {
    this.#disk = disk;
    this.#segmentBytes = segmentBytes;
  }

  /** Takes over the spares that a process before us left, and removes what it did not finish. */
  async adopt(): Promise<void> {
    for (const { name, bytes } of await this.#disk.list()) {
      const ordinal = spareOrdinal(name);
      if (ordinal !== undefined) this.#nextOrdinal = Math.max(this.#nextOrdinal, ordinal + 1);
      if (ordinal !== undefined && bytes === this.#segmentBytes) this.#ready.push({ name, bytes });
      else if (ordinal !== undefined) await this.#disk.remove(name);
    }
  }

  /** Begins to make a spare in the background unless there is one. What fails is found out by {@link take}. */
  prepare(bytes: number): void {
    if (this.#ready.length > 0 || this.#isStopped) return;
    this.#make(bytes).catch(() => undefined);
  }

  /** A spare, made now if need be; null = there is no room for one. Rejects with what the disk says otherwise. */
  async take(bytes: number): Promise<Spare | null> {
    if (this.#ready.length === 0 && this.#making !== null) await this.#making.catch(() => undefined);
    if (this.#ready.length === 0) {
      try {
        await this.#make(bytes);
      } catch (error: unknown) {
        if (isNoRoom(error)) return null;
        throw error;
      }
    }
    return this.#ready.shift() ?? null;
  }

  /** Puts back what {@link take} gave. */
  putBack(spare: Spare): void {
    this.#ready.unshift(spare);
  }

  /** Makes a spare of a file whose records are truncated, or removes it. */
  async recycle(name: string, bytes: number): Promise<void> {
    if (this.#ready.length >= SPARES_MAX || bytes !== this.#segmentBytes) {
      await this.#disk.remove(name);
      return;
    }
    const spare = { name: this.#newName(), bytes };
    await this.#disk.rename(name, spare.name);
    this.#ready.push(spare);
  }

  bytes(): number {
    return this.#ready.reduce((sum, spare) => sum + spare.bytes, 0);
  }

  /** Makes no more, and waits until nothing is being made. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#making !== null) await this.#making.catch(() => undefined);
  }

  /** One at a time. */
  #make(bytes: number): Promise<void> {
    this.#making ??= this.#makeFile(bytes).finally(() => {
      this.#making = null;
    });
    return this.#making;
  }

  async #makeFile(bytes: number): Promise<void> {
    // Asked first, so that a full disk does not cost a segment of writes at every attempt.
    if ((await this.#disk.freeBytes()) < bytes) throw Object.assign(new Error("no room"), { code: "ENOSPC" });
    const name = this.#newName();
    const file = await this.#disk.create(name);
    let isWhole = false;
    try {
      for (let at = 0; at < bytes && !this.#isStopped; at += ZEROS.length) {
        await writeDurably(file, ZEROS.subarray(0, bytes - at), at);
      }
      isWhole = !this.#isStopped;
    } finally {
      await file.close();
      if (!isWhole) await this.#disk.remove(name);
    }
    if (isWhole) this.#ready.push({ name, bytes });
  }

  #newName(): string {
    const name = spareName(this.#nextOrdinal);
    this.#nextOrdinal += 1;
    return name;
  }
}
