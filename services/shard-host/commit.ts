// The way of a turn to disk: framed, chained, one append in flight, each with the position it expects (I2).
import type { AppendOutcome, Journal, JournalTail } from "@millrace/journal/journal.ts";
import { encodeRecord } from "@millrace/journal/record.ts";
import { type Position, position, type Term } from "@millrace/model/ids.ts";

export class Commit {
  readonly #journal: Journal;
  readonly #term: Term;
  #acked: Position;
  #chain: number;
  #timeMs: number;
  #busy = false;
  #bytesSinceCheckpoint = 0;

  constructor(journal: Journal, tail: JournalTail, term: Term) {
    this.#journal = journal;
    this.#term = term;
    this.#acked = tail.position;
    this.#chain = tail.chain;
    this.#timeMs = tail.timeMs;
  }

  /** Whether an append is in flight. */
  get busy(): boolean {
    return this.#busy;
  }

  /** The newest durable position. */
  get acked(): Position {
    return this.#acked;
  }

  /** Chain of the record at {@link acked}, once nothing is in flight. */
  get chain(): number {
    return this.#chain;
  }

  get term(): Term {
    return this.#term;
  }

  /** Time of the newest record, sent or durable. */
  get timeMs(): number {
    return this.#timeMs;
  }

  /** Journal written since {@link checkpointed}. */
  get bytesSinceCheckpoint(): number {
    return this.#bytesSinceCheckpoint;
  }

  /** The position the next record has. */
  get next(): Position {
    return position(this.#acked + (this.#busy ? 2 : 1));
  }

  /** Counts journal bytes from here. */
  checkpointed(): void {
    this.#bytesSinceCheckpoint = 0;
  }

  /** Appends a record behind everything before. `done` hears `appended` or why the shard's memory must be dropped. */
  append(timeMs: number, body: Uint8Array, done: (outcome: AppendOutcome) => void): void {
    if (this.#busy) throw new Error("An append is in flight already.");
    const expected = this.#acked;
    const at = position(expected + 1);
    const record = encodeRecord({ position: at, term: this.#term, timeMs, previousChain: this.#chain }, body);
    this.#busy = true;
    this.#timeMs = timeMs;
    this.#journal.append(expected, record.frame, (outcome) => {
      this.#busy = false;
      if (outcome.type === "appended") {
        this.#acked = at;
        this.#chain = record.chain;
        this.#bytesSinceCheckpoint += record.frame.length;
      }
      done(outcome);
    });
  }
}
