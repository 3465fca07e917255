// Where the records on a subject end.
import { JournalDamaged } from "../journal.ts";
import { decodeAlone, EMPTY_TAIL } from "../record.ts";
import type { FencedTail } from "./fence.ts";
import { findNext } from "./read.ts";
import type { JournalSubject, StoredMessage } from "./subject.ts";

/** The tail by the last message: that is the last record, or a fence that names it. */
export async function findTail(subject: JournalSubject, last: StoredMessage | null): Promise<FencedTail> {
  if (last === null) return { tail: EMPTY_TAIL, sequence: 0, bytes: 0 };
  if (last.fence === null) {
    const decoded = decodeAlone(last.data);
    if (decoded.type !== "record") {
      throw new JournalDamaged(`The last message on ${subject.place.subject}, ${last.sequence}, is no record.`);
    }
    const { position, chain, term, timeMs } = decoded.record;
    return { tail: { position, chain, term, timeMs }, sequence: last.sequence, bytes: last.data.length };
  }
  const { tail, sequence, bytes } = last.fence;
  // The record must still be there: it is never truncated.
  if (sequence > 0) {
    const { record } = await findNext(subject, { sequence, next: tail.position, previous: null });
    if (record.chain !== tail.chain) {
      throw new JournalDamaged(`Record ${tail.position} has chain ${record.chain}, its fence says ${tail.chain}.`);
    }
  }
  return { tail, sequence, bytes };
}
