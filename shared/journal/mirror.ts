// The port of a mirror: the newest raw records of a shard's journal, kept beside the process that wrote or followed them.
// It is no journal: nothing waits for it, a crash may cost its newest records. It is what a journal that lost records is
// healed from (DESIGN §6).
import type { Position } from "@millrace/model/ids.ts";
import type { JournalRecord, JournalTail } from "./journal.ts";

/** A stretch of records that follow one another. */
export interface MirroredStretch {
  /** The record before the first one. */
  readonly base: JournalTail;
  readonly tail: JournalTail;
}

export interface Mirror {
  /**
   * Keeps a record. One that is kept already ({@link isKept}) changes nothing: whoever reads a journal begins behind a
   * checkpoint, before the newest one. Any other that does not continue the newest one begins a new stretch; what was kept
   * before is forgotten.
   * Never throws for a full disk: then records are missing, and a later one begins anew.
   */
  keep(record: JournalRecord): void;
  /** What is kept; null = nothing. */
  stretch(): MirroredStretch | null;
  /** Forgets records before `position` where that is cheap. */
  forgetBefore(position: Position): void;
  /** Visits the frames of kept records from `from` on, each checked, as far as they are whole. */
  read(from: Position, visit: (frame: Uint8Array, record: JournalRecord) => void): Promise<void>;
  close(): Promise<void>;
}

/**
 * Whether a mirror from behind `base` to `tail` has the record. Of one in between that is not looked up: if it was another
 * one, so is the chain of whatever comes behind `tail`, and that begins a new stretch.
 */
export function isKept(base: JournalTail | null | undefined, tail: JournalTail | null, record: JournalRecord): boolean {
  if (base == null || tail === null || record.position <= base.position) return false;
  return record.position < tail.position || (record.position === tail.position && record.chain === tail.chain);
}
