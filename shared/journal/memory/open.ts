// A journal in memory, for tests and the simulation. Every answer comes by the clock it is given: nothing happens on
// its own, and no promise lies on the way of an append.
import type { Clock } from "@millrace/clock/clock.ts";
import { type Position, position } from "@millrace/model/ids.ts";
import {
  type AppendOutcome,
  type Journal,
  JournalDamaged,
  type JournalRecord,
  type JournalTail,
  JournalTruncated,
} from "../journal.ts";
import { decodeRecord, tailAfter } from "../record.ts";
import { FENCED, firstHeld, type MemoryLog } from "./log.ts";

/** Records visited before a reader yields to the event loop. */
const RECORDS_A_STRETCH = 256;

/** Opens a journal on what `log` holds. Every journal opened on it before is stale from now on. */
export function openMemoryJournal(log: MemoryLog, clock: Clock): Promise<Journal> {
  return Promise.resolve(new MemoryJournal(log, clock));
}

class MemoryJournal implements Journal {
  readonly #log: MemoryLog;
  readonly #clock: Clock;
  readonly #fence: number;
  /** Of the log when this was opened; more since then means that this handle's process is dead. */
  readonly #crashes: number;
  #tail: JournalTail;
  #dead = false;
  #inFlight = false;
  #closed = false;
  #whenIdle: (() => void)[] = [];

  constructor(log: MemoryLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#fence = log.take();
    this.#crashes = log.crashes;
    this.#tail = log.tail;
  }

  tail(): JournalTail {
    return this.#tail;
  }

  append(expected: Position, frame: Uint8Array, done: (outcome: AppendOutcome) => void): void {
    // Its process is dead: whatever still runs of it has no effect.
    if (this.#log.crashes !== this.#crashes) return;
    if (this.#closed) throw new Error("The journal is closed.");
    if (this.#inFlight) throw new Error("An append is in flight; one at a time.");
    const isStale = this.#dead || expected !== this.#tail.position;
    const next = isStale ? this.#tail : tailAfter(this.#tail, frame);
    this.#inFlight = true;
    const answer = (outcome: AppendOutcome): void => {
      this.#inFlight = false;
      if (outcome.type === "appended") this.#tail = next;
      if (outcome.type === "stale" || outcome.type === "unknown") this.#dead = true;
      done(outcome);
      if (!this.#inFlight) for (const idle of this.#whenIdle.splice(0)) idle();
    };
    // The caller may use its buffer again; the log keeps its own copy for ever.
    const kept = isStale ? Buffer.alloc(0) : Buffer.from(frame);
    const fence = isStale ? FENCED : this.#fence;
    this.#log.send({ fence, expected, frame: kept, next, answer }, this.#clock);
  }

  async read(from: Position, visit: (record: JournalRecord) => void): Promise<void> {
    const until = this.#tail.position;
    let previous: JournalTail = this.#log.base;
    for (;;) {
      // Again after every pause: records may have been truncated meanwhile.
      const first = firstHeld(this.#log);
      if (from < first) throw new JournalTruncated(`Records before ${first} are gone; ${from} was asked for.`);
      if (previous.position < this.#log.base.position) previous = this.#log.base;
      const at = position(previous.position + 1);
      if (at > until) return;
      const decoded = decodeRecord(this.#log.frame(at) ?? Buffer.alloc(0), 0, previous);
      if (decoded.type !== "record") {
        const why = decoded.type === "end" ? "it is missing" : decoded.reason;
        throw new JournalDamaged(`The record at ${at} cannot be read: ${why}.`);
      }
      if (at >= from) visit(decoded.record);
      previous = decoded.record;
      if (at % RECORDS_A_STRETCH === 0) await this.#pause();
    }
  }

  truncateBefore(before: Position): Promise<void> {
    while (this.#log.base.position + 1 < before) {
      const frame = this.#log.frame(firstHeld(this.#log));
      if (frame === undefined) break;
      this.#log.dropFirst(tailAfter(this.#log.base, frame));
    }
    return Promise.resolve();
  }

  bytes(): number {
    return this.#log.bytes;
  }

  close(): Promise<void> {
    this.#closed = true;
    // A handle of a process that died answers nothing more, so there is nothing to wait for.
    if (!this.#inFlight || this.#log.crashes !== this.#crashes) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
    });
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.soon(resolve);
    });
  }
}
