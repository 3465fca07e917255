// The message with which a journal is taken over: no payload, and a header that says by whom and what lay before it.
//
//   … record 7 │ record 8 │ fence: 8, chain of 8 │ record 9 │ …
//
// Whoever appends names the last sequence it knows on the subject. A fence moves that on, so that all who opened the
// journal before are out; and since its own publishing was conditional, too, nothing lies between it and what it names.
// Against a writer that never pauses, that condition is hard to meet. A barrier, a fence without condition that names
// nothing, puts such a writer out first.
import { position, term } from "@millrace/model/ids.ts";
import { headers, type MsgHdrs } from "@nats-io/nats-core";
import { JournalDamaged, type JournalTail } from "../journal.ts";

/** Where the records before a fence end. */
export interface FencedTail {
  readonly tail: JournalTail;
  /** Of the message that holds the last record; 0 if there is none. */
  readonly sequence: number;
  /** Of its frame. */
  readonly bytes: number;
}

/** Where a handle begins: behind its own fence, and the records before that. */
export interface TakenOver extends FencedTail {
  /** Of the fence. */
  readonly fenceSequence: number;
}

export interface Fence {
  /** Who took the journal over. */
  readonly holder: string;
  /** null = a barrier. */
  readonly before: FencedTail | null;
}

const HOLDER = "Millrace-Fence";
const TAIL = "Millrace-Tail";

/** Numbers in the header that says what lay before. */
const FIELDS = 6;

/** What a header's value can carry. */
const HOLDER_PATTERN = /^[\w.:@-]{1,128}$/;

export function fenceHeaders(fence: Fence): MsgHdrs {
  if (!HOLDER_PATTERN.test(fence.holder)) {
    throw new RangeError(`The holder "${fence.holder}" must be 1 to 128 characters of A-Z a-z 0-9 _ . : @ -`);
  }
  const written = headers();
  written.set(HOLDER, fence.holder);
  if (fence.before !== null) {
    const { tail, sequence, bytes } = fence.before;
    written.set(TAIL, [tail.position, tail.chain, tail.term, tail.timeMs, sequence, bytes].join(" "));
  }
  return written;
}

/** What the headers of a message say if it is a fence; null = it is none. */
export function readFence(read: MsgHdrs): Fence | null {
  const holder = read.get(HOLDER);
  if (holder === "") return null;
  if (read.get(TAIL) === "") return { holder, before: null };
  const numbers = read.get(TAIL).split(" ").map(Number);
  const [at = 0, chain = 0, ofTerm = 0, timeMs = 0, sequence = 0, bytes = 0] = numbers;
  if (numbers.length !== FIELDS || !numbers.every((value) => Number.isSafeInteger(value))) {
    throw new JournalDamaged(
      `The fence of ${holder} says "${read.get(TAIL)}" of the journal's tail: six numbers are due.`,
    );
  }
  const before = { tail: { position: position(at), chain, term: term(ofTerm), timeMs }, sequence, bytes };
  return { holder, before };
}
