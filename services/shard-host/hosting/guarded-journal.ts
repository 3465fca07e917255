// The journals that a shard's owner in a cluster opens, one after the other: what is appended is kept beside the process as
// well, and nothing is cut off that no snapshot is known to hold (I6).
import type { AppendOutcome, Journal, JournalRecord, JournalTail } from "@millrace/journal/journal.ts";
import type { Mirror } from "@millrace/journal/mirror.ts";
import { decodeAlone } from "@millrace/journal/record.ts";
import { type Position, position } from "@millrace/model/ids.ts";

export class JournalGuard {
  readonly mirror: Mirror;
  #journal: GuardedJournal | null = null;
  /** Of the shard's newest snapshot that was heard of; 0 = none was. */
  #snapshotAt: Position = position(0);
  /** Up to where the owner needs nothing any more. */
  #doneBefore: Position = position(0);

  constructor(mirror: Mirror) {
    this.mirror = mirror;
  }

  /** The journal that is written from now on. */
  guard(journal: Journal): Journal {
    this.#journal = new GuardedJournal(journal, this);
    return this.#journal;
  }

  /** There is a snapshot at this position. */
  async snapshotTaken(at: Position): Promise<void> {
    if (at <= this.#snapshotAt) return;
    this.#snapshotAt = at;
    await this.#journal?.truncateBefore(this.#doneBefore);
  }

  /** The owner needs nothing before this position; returns what may be cut off. */
  doneBefore(before: Position): Position {
    this.#doneBefore = before;
    return position(Math.min(before, this.#snapshotAt + 1));
  }

  bytes(): number {
    return this.#journal?.bytes() ?? 0;
  }
}

class GuardedJournal implements Journal {
  readonly #inner: Journal;
  readonly #guard: JournalGuard;

  constructor(inner: Journal, guard: JournalGuard) {
    this.#inner = inner;
    this.#guard = guard;
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
      this.#guard.mirror.keep(record);
      visit(record);
    });
  }

  async truncateBefore(before: Position): Promise<void> {
    const safe = this.#guard.doneBefore(before);
    if (safe <= 1) return;
    await this.#inner.truncateBefore(safe);
    this.#guard.mirror.forgetBefore(safe);
  }

  bytes(): number {
    return this.#inner.bytes();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #keep(frame: Uint8Array): void {
    const decoded = decodeAlone(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength));
    if (decoded.type === "record") this.#guard.mirror.keep(decoded.record);
  }
}
