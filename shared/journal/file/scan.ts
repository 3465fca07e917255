// Walking over the records of one segment.
import type { Position } from "@millrace/model/ids.ts";
import { type JournalRecord, type JournalTail, RECORD_BYTES_MAX } from "../journal.ts";
import { decodeRecord, hasLaterRecord } from "../record.ts";
import { SEGMENT_HEADER_BYTES } from "./segment.ts";
import type { SegmentWindow } from "./window.ts";

/** Where the records of a segment end. */
export interface SegmentEnd {
  readonly tail: JournalTail;
  /** Where the last record begins; the segment's start if it has none or one, whose header came with it. */
  readonly lastOffset: number;
  /** Where the next record would begin. */
  readonly offset: number;
  /** Why what lies there is no record. */
  readonly reason: string;
}

/** Called with each record; a promise holds the walk up until it resolves. */
export type VisitRecord = (record: JournalRecord) => Promise<void> | undefined;

/** Walks from the first record to the last whole one that follows from the one before it. */
export async function walkSegment(
  window: SegmentWindow,
  base: JournalTail,
  until: number,
  visit: VisitRecord,
): Promise<SegmentEnd> {
  let tail = base;
  let lastOffset = 0;
  let offset = SEGMENT_HEADER_BYTES;
  while (tail.position < until) {
    if (!window.covers(offset)) await window.move(offset);
    const decoded = decodeRecord(window.bytes, offset - window.start, tail);
    if (decoded.type !== "record") {
      return {
        tail,
        lastOffset,
        offset,
        reason: decoded.type === "end" ? "nothing was written there" : decoded.reason,
      };
    }
    const { position, term, timeMs, chain } = decoded.record;
    if (tail !== base) lastOffset = offset;
    tail = { position, term, timeMs, chain };
    offset = window.start + decoded.end;
    const held = visit(decoded.record);
    if (held !== undefined) await held;
  }
  return { tail, lastOffset, offset, reason: "it was not looked for" };
}

/** Whether a record that comes after `missing`, and so was begun only once that was acked, lies at or behind `offset`. */
export async function hasRecordBehind(window: SegmentWindow, offset: number, missing: Position): Promise<boolean> {
  for (let at = offset; ; at = window.end - RECORD_BYTES_MAX + 1) {
    if (!window.covers(at)) await window.move(at);
    if (hasLaterRecord(window.bytes, at - window.start, missing)) return true;
    if (window.isLast) return false;
  }
}
