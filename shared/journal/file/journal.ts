// A journal on a folder of segments.
// Owns the active segment's file, the list of segments, and the order of reading and truncating. Does not own the
// making of segments (`spares.ts`) or what opening finds (`recover.ts`).
// 1. One append is in flight at a time: one write at a known offset, durable when it returns.
// 2. The tail moves only when a write returned; a position is never written a second time with another record, except
//    behind a `full` that took the first one back.
// 3. A new segment is named, and the name durable, before anything is written to it; header and first record go in one
//    write. Nothing is written to it before the last record of the segment before it was acked.
import type { Clock } from "@millrace/clock/clock.ts";
import { type Position, position } from "@millrace/model/ids.ts";
import {
  type AppendOutcome,
  type Journal,
  type JournalRecord,
  type JournalTail,
  JournalTruncated,
} from "../journal.ts";
import { RECORD_HEADER_BYTES, tailAfter } from "../record.ts";
import { type Disk, type DiskFile, isNoRoom, writeDurably } from "./disk.ts";
import { readRecords } from "./read.ts";
import type { ActiveSegment, Recovered } from "./recover.ts";
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, type Segment, segmentName } from "./segment.ts";
import type { Spare, Spares } from "./spares.ts";

export interface FileJournalParts {
  readonly disk: Disk;
  readonly spares: Spares;
  readonly clock: Clock;
  /** Size of new segments. */
  readonly segmentBytes: number;
}

type Done = (outcome: AppendOutcome) => void;

const APPENDED: AppendOutcome = { type: "appended" };
const STALE: AppendOutcome = { type: "stale" };
const FULL: AppendOutcome = { type: "full" };

/** Written over the beginning of what a failed write may have left, so that it is no record and no segment. */
const NO_RECORD = Buffer.alloc(RECORD_HEADER_BYTES);
const NO_SEGMENT = Buffer.alloc(SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES);

export class FileJournal implements Journal {
  readonly #parts: FileJournalParts;
  readonly #segments: Segment[];
  #active: ActiveSegment | null;
  #tail: JournalTail;
  #isInFlight = false;
  /**
   * There was no room for another segment. Until there is, nothing is appended to this one either: a small record would
   * get in where a large one did not, and its writer would believe that there is room again.
   */
  #isFull = false;
  /** After `stale` or `unknown`. */
  #isDead = false;
  #isClosed = false;
  #whenIdle: (() => void) | null = null;
  /** Resolves when every read and truncation so far is over: a file is not recycled while it is read. */
  #upkeep: Promise<unknown> = Promise.resolve();

  constructor(parts: FileJournalParts, recovered: Recovered) {
    this.#parts = parts;
    this.#segments = recovered.segments;
    this.#active = recovered.active;
    this.#tail = recovered.tail;
    this.#prepareAhead();
  }

  tail(): JournalTail {
    return this.#tail;
  }

  append(expected: Position, frame: Uint8Array, done: Done): void {
    if (this.#isClosed) throw new Error("The journal is closed.");
    if (this.#isInFlight) throw new Error("An append is in flight; one at a time.");
    if (this.#isDead || expected !== this.#tail.position) {
      this.#isInFlight = true;
      this.#parts.clock.soon(() => {
        this.#answer(STALE, done);
      });
      return;
    }
    const next = tailAfter(this.#tail, frame);
    if (SEGMENT_HEADER_BYTES + frame.length > this.#parts.segmentBytes) {
      throw new RangeError(`A frame of ${frame.length} bytes does not fit segments of ${this.#parts.segmentBytes}.`);
    }
    this.#isInFlight = true;
    const active = this.#active;
    if (active !== null && !this.#isFull && active.offset + frame.length <= active.segment.bytes) {
      this.#write(active, frame, next, done);
      return;
    }
    this.#roll(frame, next).then(
      (outcome) => {
        this.#answer(outcome, done);
      },
      (error: unknown) => {
        this.#answer(unknown(error), done);
      },
    );
  }

  read(from: Position, visit: (record: JournalRecord) => void): Promise<void> {
    return this.#inTurn(async () => {
      const first = this.#segments[0]?.first ?? position(1);
      if (from < first) throw new JournalTruncated(`Records before ${first} are gone; ${from} was asked for.`);
      const range = { segments: [...this.#segments], from, until: this.#tail.position };
      await readRecords(this.#parts.disk, this.#parts.clock, range, visit);
    });
  }

  truncateBefore(before: Position): Promise<void> {
    return this.#inTurn(async () => {
      const { disk, spares } = this.#parts;
      for (;;) {
        const [oldest, second] = this.#segments;
        if (oldest === undefined || second === undefined || second.first > before) return;
        this.#segments.shift();
        await spares.recycle(oldest.name, oldest.bytes);
        // Before the next one goes: a crash must leave no gap.
        await disk.syncFolder();
      }
    });
  }

  bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, this.#parts.spares.bytes());
  }

  async close(): Promise<void> {
    if (this.#isClosed) return this.#upkeep.then(() => undefined);
    this.#isClosed = true;
    const closed = this.#upkeep.then(() => this.#letGo());
    this.#upkeep = closed.catch(() => undefined);
    return closed;
  }

  async #letGo(): Promise<void> {
    if (this.#isInFlight) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    await this.#parts.spares.stop();
    await this.#active?.file.close();
    await this.#parts.disk.unlock();
  }

  #write(active: ActiveSegment, frame: Uint8Array, next: JournalTail, done: Done): void {
    active.file.write(frame, active.offset, (error) => {
      if (error === null) {
        active.offset += frame.length;
        this.#tail = next;
        this.#prepareAhead();
        this.#answer(APPENDED, done);
      } else if (isNoRoom(error)) {
        this.#takeBack(active, done);
      } else {
        this.#answer(unknown(error), done);
      }
    });
  }

  /** A write found no room; part of it, even all, may be there all the same. */
  #takeBack(active: ActiveSegment, done: Done): void {
    active.file.write(NO_RECORD, active.offset, (error) => {
      this.#answer(error === null ? FULL : unknown(error), done);
    });
  }

  #answer(outcome: AppendOutcome, done: Done): void {
    this.#isInFlight = false;
    if (outcome.type === "stale" || outcome.type === "unknown") this.#isDead = true;
    done(outcome);
    // `done` may have appended again.
    if (!this.#isInFlight) this.#whenIdle?.();
  }

  /** Goes on in a new segment, with `frame` its first record. Rejects when it cannot be known what was written. */
  async #roll(frame: Uint8Array, next: JournalTail): Promise<AppendOutcome> {
    const { disk, spares, segmentBytes } = this.#parts;
    const spare = await spares.take(segmentBytes);
    this.#isFull = spare === null;
    if (spare === null) return FULL;
    const segment: Segment = { first: next.position, name: segmentName(next.position), bytes: spare.bytes };
    await disk.rename(spare.name, segment.name);
    await disk.syncFolder();
    const file = await disk.open(segment.name);
    const bytes = Buffer.concat([encodeSegmentHeader(this.#tail), frame]);
    try {
      await writeDurably(file, bytes, 0);
    } catch (error: unknown) {
      if (isNoRoom(error)) await this.#unroll(segment, file, spare);
      else await file.close();
      if (isNoRoom(error)) return FULL;
      throw error;
    }
    const previous = this.#active;
    this.#segments.push(segment);
    this.#active = { segment, file, offset: bytes.length };
    this.#tail = next;
    this.#prepareAhead();
    // Everything in it is durable: how closing ends means nothing.
    await previous?.file.close().catch(() => undefined);
    return APPENDED;
  }

  /** There was no room for the first record of a new segment: makes a spare of it again. */
  async #unroll(segment: Segment, file: DiskFile, spare: Spare): Promise<void> {
    const { disk, spares } = this.#parts;
    await writeDurably(file, NO_SEGMENT, 0);
    await file.close();
    await disk.rename(segment.name, spare.name);
    await disk.syncFolder();
    spares.putBack(spare);
  }

  /** Has the next segment made while there is still half of this one to fill. */
  #prepareAhead(): void {
    const active = this.#active;
    if (active === null || active.offset * 2 < active.segment.bytes) return;
    this.#parts.spares.prepare(this.#parts.segmentBytes);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Error("The journal is closed."));
    const result = this.#upkeep.then(work);
    this.#upkeep = result.catch(() => undefined);
    return result;
  }
}

function unknown(error: unknown): AppendOutcome {
  return { type: "unknown", reason: error instanceof Error ? error.message : String(error) };
}
