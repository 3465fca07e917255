// A shard's journal as its owner in a cluster writes it: what it appends is kept beside the process as well, and nothing is
// cut off that no snapshot holds yet.
import type { AppendOutcome, Journal, JournalRecord, JournalTail } from "@millrace/journal/journal.ts";
import type { Mirror } from "@millrace/journal/mirror.ts";
import { decodeAlone } from "@millrace/journal/record.ts";
import { type Position, position } from "@millrace/model/ids.ts";

export class GuardedJournal implements Journal {
  readonly #inner: Journal;
  readonly #mirror: Mirror;
  #snapshotAt: Position;
  /** Up to where the owner needs nothing any more. */
  #doneBefore: Position = position(0);

  /** `snapshotAt`: the position of the shard's newest snapshot; 0 = there is none. */
  constructor(inner: Journal, mirror: Mirror, snapshotAt: Position) {
    this.#inner = inner;
    this.#mirror = mirror;
    this.#snapshotAt = snapshotAt;
  }

  tail(): JournalTail {
    return this.#inner.tail();
  }

  append(expected: Position, frame: Uint8Array, done: (outcome: AppendOutcome) => void): void {
    this.#inner.append(expected, frame, (outcome) => {
      if (outcome.type === "appended") this.#keep(frame);
      done(outcome);
    });
  }

  read(from: Position, visit: (record: JournalRecord) => void): Promise<void> {
    return this.#inner.read(from, (record) => {
      this.#mirror.keep(record);
      visit(record);
    });
  }

  async truncateBefore(before: Position): Promise<void> {
    this.#doneBefore = before;
    const safe = position(Math.min(before, this.#snapshotAt + 1));
    if (safe <= 1) return;
    await this.#inner.truncateBefore(safe);
    this.#mirror.forgetBefore(safe);
  }

  /** There is a newer snapshot. */
  async snapshotTaken(at: Position): Promise<void> {
    if (at <= this.#snapshotAt) return;
    this.#snapshotAt = at;
    await this.truncateBefore(this.#doneBefore);
  }

  bytes(): number {
    return this.#inner.bytes();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #keep(frame: Uint8Array): void {
    const decoded = decodeAlone(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength));
    if (decoded.type === "record") this.#mirror.keep(decoded.record);
  }
}
