// A journal on a subject. Owns the sequence that the next append names, the marks, and the order of reading and
// truncating. Does not own publishing (`append.ts`), nor how records are found (`read.ts`, `locate.ts`).
// 1. One append is under way at a time, and each names the last message that this handle knows of on the subject: its
//    fence, or the record of its last append. So it is stored only if nobody else wrote or took over (I2).
// 2. The tail moves only with JetStream's ack. Anything but an ack or a sure refusal leaves the handle dead.
// 3. The last record is never truncated, nor anything behind it: opening needs it. A handle that knows itself to be out
//    truncates nothing, for whoever owns the journal now may need it.
import type { Clock } from "@millrace/clock/clock.ts";
import { type Position, position } from "@millrace/model/ids.ts";
import { headers } from "@nats-io/nats-core";
import {
  type AppendOutcome,
  type Journal,
  type JournalRecord,
  type JournalTail,
  JournalTruncated,
} from "../journal.ts";
import { tailAfter } from "../record.ts";
import type { Published, Publisher } from "./append.ts";
import type { FencedTail, TakenOver } from "./fence.ts";
import { locate } from "./locate.ts";
import { Marks } from "./marks.ts";
import { readRecords } from "./read.ts";
import type { JournalSubject } from "./subject.ts";

export interface JetStreamJournalParts {
  readonly subject: JournalSubject;
  readonly publisher: Publisher;
  readonly appendTimeoutMs: number;
  readonly clock: Clock;
}

type Done = (outcome: AppendOutcome) => void;

const APPENDED: AppendOutcome = { type: "appended" };
const STALE: AppendOutcome = { type: "stale" };

export class JetStreamJournal implements Journal {
  readonly #parts: JetStreamJournalParts;
  readonly #marks = new Marks();
  #tail: JournalTail;
  /** Of the message that holds the last record; 0 = there is none. */
  #tailSequence: number;
  /** Of its frame. */
  #tailBytes: number;
  /** Of the last message that this handle knows of: what the next append expects. */
  #lastSequence: number;
  /** Everything below was removed already. */
  #purgedBelow = 0;
  #isInFlight = false;
  /** After `stale` or `unknown`. */
  #isDead = false;
  #isClosed = false;
  #whenIdle: (() => void) | null = null;
  /** Resolves when every read and truncation so far is over: nothing is truncated while it is read. */
  #upkeep: Promise<unknown> = Promise.resolve();

  constructor(parts: JetStreamJournalParts, { tail, sequence, bytes, fenceSequence }: TakenOver) {
    this.#parts = parts;
    this.#tail = tail;
    this.#tailSequence = sequence;
    this.#tailBytes = bytes;
    this.#lastSequence = fenceSequence;
    if (sequence > 0) this.#marks.add(tail.position, sequence, bytes);
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
    this.#isInFlight = true;
    const { publisher, appendTimeoutMs: timeoutMs } = this.#parts;
    publisher.send({ data: frame, headers: headers(), expected: this.#lastSequence, timeoutMs }, (published) => {
      this.#answer(this.#settle(published, next, frame.length), done);
    });
  }

  read(from: Position, visit: (record: JournalRecord) => void): Promise<void> {
    return this.#inTurn(async () => {
      const until: FencedTail = { tail: this.#tail, sequence: this.#tailSequence, bytes: this.#tailBytes };
      if (from > until.tail.position) return;
      const { subject } = this.#parts;
      const start = this.#marks.floor(from) ?? (await locate(subject, from, until));
      const known = this.#marks.first?.position ?? Number.POSITIVE_INFINITY;
      const found = new Marks();
      const place = { sequence: start.sequence, next: start.position, previous: null };
      await readRecords(subject, place, until, ({ message, record }) => {
        if (record.position < known) found.add(record.position, message.sequence, message.data.length);
        if (record.position >= from) visit(record);
      });
      this.#marks.prepend(found);
    });
  }

  truncateBefore(before: Position): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isDead) return;
      const wanted = position(Math.min(before, this.#tail.position));
      const mark = this.#marks.floor(wanted);
      const sequence = mark?.sequence ?? (await this.#locateOldest(wanted));
      if (sequence <= this.#purgedBelow) return;
      await this.#parts.subject.purgeBelow(sequence);
      this.#purgedBelow = sequence;
      if (mark !== undefined) this.#marks.dropBefore(mark);
    });
  }

  bytes(): number {
    return this.#marks.bytes;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return this.#upkeep.then(() => undefined);
    this.#isClosed = true;
    const closed = this.#upkeep.then(() => this.#letGo());
    this.#upkeep = closed;
    return closed;
  }

  #settle(published: Published, next: JournalTail, frameBytes: number): AppendOutcome {
    if (published.type !== "stored") return published;
    const { sequence } = published;
    this.#tail = next;
    this.#tailSequence = sequence;
    this.#tailBytes = frameBytes;
    this.#lastSequence = sequence;
    this.#marks.add(next.position, sequence, frameBytes);
    return APPENDED;
  }

  #answer(outcome: AppendOutcome, done: Done): void {
    this.#isInFlight = false;
    if (outcome.type === "stale" || outcome.type === "unknown") this.#isDead = true;
    done(outcome);
    // `done` may have appended again.
    if (!this.#isInFlight) this.#whenIdle?.();
  }

  /** The sequence of a record before all that are remembered; 0 = it is truncated already. */
  async #locateOldest(wanted: Position): Promise<number> {
    // Nothing but fences: this handle's own is the last.
    if (this.#tailSequence === 0) return this.#lastSequence;
    const until: FencedTail = { tail: this.#tail, sequence: this.#tailSequence, bytes: this.#tailBytes };
    try {
      return (await locate(this.#parts.subject, wanted, until)).sequence;
    } catch (error: unknown) {
      if (error instanceof JournalTruncated) return 0;
      throw error;
    }
  }

  async #letGo(): Promise<void> {
    if (this.#isInFlight) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    this.#parts.publisher.close();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Error("The journal is closed."));
    const result = this.#upkeep.then(work);
    this.#upkeep = result.catch(() => undefined);
    return result;
  }
}
