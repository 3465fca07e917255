// A mirror in memory, for tests and the simulation. Its frames outlive the process that kept them, as files do.
import type { Position } from "@millrace/model/ids.ts";
import type { JournalRecord, JournalTail } from "../journal.ts";
import { isKept, type Mirror, type MirroredStretch } from "../mirror.ts";
import { decodeRecord, encodeRecord, tailBefore, tailOf } from "../record.ts";

/** What a memory mirror writes to. */
export class MirrorDisk {
  frames: Buffer[] = [];
  base: JournalTail | null = null;
  tail: JournalTail | null = null;

  /** Loses the newest `count` records, as a crash of the machine may. */
  lose(count: number): void {
    const kept = this.frames.slice(0, Math.max(0, this.frames.length - count));
    const { base } = this;
    this.frames = [];
    this.tail = base;
    for (const frame of kept) {
      const read = this.tail === null ? null : decodeRecord(frame, 0, this.tail);
      if (read?.type !== "record") return;
      this.frames.push(frame);
      this.tail = tailOf(read.record);
    }
  }
}

export function openMemoryMirror(disk: MirrorDisk): Mirror {
  return new MemoryMirror(disk);
}

class MemoryMirror implements Mirror {
  readonly #disk: MirrorDisk;

  constructor(disk: MirrorDisk) {
    this.#disk = disk;
  }

  keep(record: JournalRecord): void {
    const disk = this.#disk;
    const { base, tail } = disk;
    if (isKept(base, tail, record)) return;
    if (tail === null || record.position !== tail.position + 1 || record.previousChain !== tail.chain) {
      disk.frames = [];
      disk.base = tailBefore(record);
    }
    disk.frames.push(encodeRecord(record, record.body).frame);
    disk.tail = tailOf(record);
  }

  stretch(): MirroredStretch | null {
    const { base, tail, frames } = this.#disk;
    return base === null || tail === null || frames.length === 0 ? null : { base, tail };
  }

  forgetBefore(before: Position): void {
    const disk = this.#disk;
    while (disk.base !== null && disk.base.position + 1 < before && disk.frames.length > 1) {
      const read = decodeRecord(disk.frames.shift() ?? Buffer.alloc(0), 0, disk.base);
      if (read.type !== "record") throw new Error(`The mirror holds no record behind ${disk.base.position}.`);
      disk.base = tailOf(read.record);
    }
  }

  read(from: Position, visit: (frame: Uint8Array, record: JournalRecord) => void): Promise<void> {
    let before = this.#disk.base;
    for (const frame of this.#disk.frames) {
      const read = before === null ? null : decodeRecord(frame, 0, before);
      if (read?.type !== "record") break;
      if (read.record.position >= from) visit(frame, read.record);
      before = read.record;
    }
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
