// Where the records on a subject end.
import { JournalDamaged } from "../journal.ts";
import { decodeAlone, EMPTY_TAIL } from "../record.ts";
import type { FencedTail } from "./fence.ts";
import { findNext } from "./read.ts";
import type { JournalSubject, StoredMessage } from "./subject.ts";

/** The tail by the last message: that is the last record, or a fence that names it, or a barrier behind either. */
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
  if (last.fence.before === null) return findTail(subject, await messageBefore(subject, last.sequence));
  const { tail, sequence, bytes } = last.fence.before;
  // The record must still be there: it is never truncated.
  if (sequence > 0) {
    const { record } = await findNext(subject, { sequence, next: tail.position, previous: null });
    if (record.chain !== tail.chain) {
      throw new JournalDamaged(`Record ${tail.position} has chain ${record.chain}, its fence says ${tail.chain}.`);
    }
  }
  return { tail, sequence, bytes };
}

/** The message before one, which is not far away but for those of other journals; null = there is none. */
async function messageBefore(subject: JournalSubject, sequence: number): Promise<StoredMessage | null> {
  for (let back = 1; ; back *= 2) {
    const from = Math.max(sequence - back, 1);
    let found = await subject.next(from, "leader");
    if (found !== null && found.sequence < sequence) {
      for (;;) {
        const next = await subject.next(found.sequence + 1, "leader");
        if (next === null || next.sequence >= sequence) return found;
        found = next;
      }
    }
    if (from === 1) return null;
  }
}
