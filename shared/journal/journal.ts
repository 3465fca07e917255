// The port of a shard's journal: the append-only log that is the truth about its runs.
//
//   position:   1        2        3        4
//            ┌────────┬────────┬────────┬────────┐
//            │ record │ record │ record │ record │  ← append(expected: 4) makes position 5
//            └────────┴────────┴────────┴────────┘
//            ▲ first (1 until truncated)         ▲ tail: {position: 4, chain of record 4, …}
//
// A record travels as one framed buffer (`record.ts`) that says its own position, term, time and chain.
// Adapters store frames as they are and never look into their bodies.
import type { Position, Term } from "@millrace/model/ids.ts";

/** The largest frame there is, header included: what one JetStream message takes with room to spare. */
export const RECORD_BYTES_MAX = 768 * 1024;

/** Where a journal ends. An empty journal has position 0, chain 0, term 0 and time 0. */
export interface JournalTail {
  readonly position: Position;
  /** Checksum of the last record, chained over all before it. */
  readonly chain: number;
  readonly term: Term;
  readonly timeMs: number;
}

/** What became of an append. */
export type AppendOutcome =
  /** Durable at `expected + 1`. */
  | { readonly type: "appended" }
  /** Somebody else wrote first, or this handle was fenced: nothing was written. */
  | { readonly type: "stale" }
  /** No room: nothing was written, and the journal can be appended to again once there is room. */
  | { readonly type: "full" }
  /** Nobody knows. The handle is dead; open again and compare the tail's chain. Never retry blindly. */
  | { readonly type: "unknown"; readonly reason: string };

/** A record as read back: checked against its checksum and the chain. */
export interface JournalRecord {
  readonly position: Position;
  readonly term: Term;
  readonly timeMs: number;
  readonly chain: number;
  /** Chain of the record before: by it a reader that kept its own tail sees that the journal goes on from there. */
  readonly previousChain: number;
  /** Valid only during the visit; copy what must live longer. */
  readonly body: Uint8Array;
}

/** A journal opened for writing. One append may be in flight; the next is refused by throwing. */
export interface Journal {
  /** The tail as of the last completed append (or of opening). */
  tail(): JournalTail;
  /**
   * Appends one frame behind `expected`, the position of the last record the writer knows.
   * Calls `done` exactly once, never before returning; until then the frame must not change, and after `unknown` never,
   * for it may still be on its way. After `stale` or `unknown` every later append is `stale`. Throws when the frame is not
   * the record that comes next, or after `close`.
   */
  append(expected: Position, frame: Uint8Array, done: (outcome: AppendOutcome) => void): void;
  /**
   * Visits every record from `from` (1 at least) to the tail in order, yielding to the event loop now and then.
   * Rejects with {@link JournalTruncated} when `from` was truncated, and with {@link JournalDamaged} at a gap or a
   * record that is wrong anywhere but at the torn tail (which opening has already cut off).
   */
  read(from: Position, visit: (record: JournalRecord) => void): Promise<void>;
  /** Forgets records before `position` where that is cheap; never one at or behind it. */
  truncateBefore(position: Position): Promise<void>;
  /** Bytes held on disk or in memory, for metrics and limits. */
  bytes(): number;
  /** Waits for the append in flight and lets go of everything. */
  close(): Promise<void>;
}

/**
 * Opens the journal of one shard, cutting off a torn tail. Where only one process can reach the journal, rejects with
 * {@link JournalLocked} while it is open; elsewhere every journal opened before is `stale` from now on.
 */
export type OpenJournal = () => Promise<Journal>;

/** The last record that a follower has. */
export interface FollowedTo {
  /** 0 = it has none. */
  readonly position: Position;
  /** Of that record; null where the follower does not know it, and must trust that it has read this very journal. */
  readonly chain: number | null;
}

/** Why a follower cannot go on. */
export type JournalGap =
  /** The record it needs next was truncated: it must begin again from a snapshot at `first - 1` or later. */
  | { readonly type: "truncated"; readonly first: Position }
  /** The journal is wrong behind the last record visited, or it is not the one that the follower has read so far. */
  | { readonly type: "damaged"; readonly reason: string };

export interface FollowOptions {
  /** Records behind this one are visited. */
  readonly behind: FollowedTo;
  /**
   * Called with every record in order, once, and only when it is durable; never before the follower was returned. What it
   * throws ends the process: nothing could go on behind a record that was not taken.
   */
  readonly visit: (record: JournalRecord) => void;
  /** Called once at most, and nothing after it. */
  readonly gap: (gap: JournalGap) => void;
}

/**
 * Reads a journal that somebody else writes, as it grows: how a standby stays close. It fences nobody, outlives changes
 * of the writer, and mends lost connections by itself; while it cannot, nothing is visited.
 *
 * To take the journal over, stop it, open the journal, and read from the position behind {@link position}; the first
 * record's `previousChain` (or the tail, if nothing follows) proves that both are about the same journal.
 */
export interface JournalFollower {
  /** Of the last record visited; at first that of `behind`. */
  position(): Position;
  /** Ends it: nothing is called from now on. */
  stop(): void;
}

/** Follows the journal of one shard. Returns at once, whether the journal can be reached or not. */
export type FollowJournal = (options: FollowOptions) => JournalFollower;

/** Reading began before the first record that is still held. */
export class JournalTruncated extends Error {
  override readonly name = "JournalTruncated";
}

/** The journal is wrong before its tail: something other than a crash of ours changed it. */
export class JournalDamaged extends Error {
  override readonly name = "JournalDamaged";
}

/** Another process holds the journal. */
export class JournalLocked extends Error {
  override readonly name = "JournalLocked";
}
