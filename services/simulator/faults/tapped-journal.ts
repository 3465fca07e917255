// A shard's journal as its process sees it, with a tap where faults come in and the checkers listen.
import type { AppendOutcome, Journal, JournalRecord, JournalTail } from "@millrace/journal/journal.ts";
import { type Position, position } from "@millrace/model/ids.ts";

export interface JournalTap {
  /** An append is about to be sent: what happens to it, and to its process, is decided now. */
  sending(frame: Uint8Array, isClaim: boolean): void;
  /** It was acked. */
  appended(at: Position): void;
  ended(outcome: AppendOutcome, isClaim: boolean): void;
  /** A record was read during a take-over. Resolves when the reader may go on. */
  read(): Promise<void>;
}

export class TappedJournal implements Journal {
  readonly #inner: Journal;
  readonly #tap: JournalTap;
  /** The first append of a handle is the claim of its term. */
  #isClaim = true;

  constructor(inner: Journal, tap: JournalTap) {
    this.#inner = inner;
    this.#tap = tap;
  }

  tail(): JournalTail {
    return this.#inner.tail();
  }

  append(expected: Position, frame: Uint8Array, done: (outcome: AppendOutcome) => void): void {
    const isClaim = this.#isClaim;
    this.#tap.sending(frame, isClaim);
    this.#inner.append(expected, frame, (outcome) => {
      if (outcome.type === "appended") {
        this.#isClaim = false;
        this.#tap.appended(position(expected + 1));
      } else this.#tap.ended(outcome, isClaim);
      done(outcome);
    });
  }

  /** Gives way now and then, so that commands, faults and crashes meet a take-over half-way. */
  async read(from: Position, visit: (record: JournalRecord) => void): Promise<void> {
    const records: JournalRecord[] = [];
    await this.#inner.read(from, (record) => records.push({ ...record, body: Buffer.from(record.body) }));
    for (const record of records) {
      await this.#tap.read();
      visit(record);
    }
  }

  truncateBefore(before: Position): Promise<void> {
    return this.#inner.truncateBefore(before);
  }

  bytes(): number {
    return this.#inner.bytes();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
