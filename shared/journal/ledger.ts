// The port of a ledger: a journal that many processes write and all of them read; small, seldom written, never truncated.
//
//   a writer:   append(expected: 41, body) ──► position 42, or stale: somebody else made 42
//   everyone:   visit(1) … visit(41) visit(42) …    in order, each once, a writer's own records too
import type { Position } from "@millrace/model/ids.ts";
import type { AppendOutcome, JournalRecord } from "./journal.ts";

export interface Ledger {
  /** The newest record that was visited; 0 = none. */
  readonly visited: Position;
  /**
   * Appends one record behind `expected`; a body has at most RECORD_BODY_BYTES_MAX bytes. When it resolves with `appended`
   * the record was visited. After `unknown`, and after `stale`, {@link Ledger.catchUp} shows what is there.
   * One append at a time.
   */
  append(expected: Position, body: Uint8Array, timeMs: number): Promise<AppendOutcome>;
  /** Resolves when everything that was durable at the time of the call was visited. Rejects when that cannot be known. */
  catchUp(): Promise<void>;
  close(): Promise<void>;
}

/** Opens it; resolves when everything that is there was visited. Records that come later are visited as they come. */
export type OpenLedger = (visit: (record: JournalRecord) => void) => Promise<Ledger>;
