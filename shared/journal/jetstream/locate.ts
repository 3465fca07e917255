// Finding a position's place in the stream. A journal shares its stream with others, so a position says nothing about
// where its message lies; but both grow together, and a few looks between two known places find it.
import { type Position, position } from "@millrace/model/ids.ts";
import { JournalDamaged, JournalTruncated } from "../journal.ts";
import { decodeAlone } from "../record.ts";
import type { FencedTail } from "./fence.ts";
import type { JournalSubject } from "./subject.ts";

/** Near enough to read on from there: fewer bytes than another look or two. */
const RECORDS_NEAR = 8;

/** More looks than halving any stream takes. */
const LOOKS_MAX = 64;

/** A message on the subject, by the position of the record in it, or of the one behind it if it is a fence. */
export interface Located {
  readonly position: number;
  readonly sequence: number;
}

/** What comes before `first` was truncated. */
export class RecordsGone extends JournalTruncated {
  readonly first: Position;

  constructor(first: number, wanted: number) {
    super(`Records before ${first} are gone; ${wanted} was asked for.`);
    this.first = position(first);
  }
}

/** The first message that is held; null = there is none. */
export function locateFirst(subject: JournalSubject): Promise<Located | null> {
  return look(subject, 1);
}

/**
 * A message at or a few records before the record at `wanted`, which is not behind `until`. Rejects with
 * {@link RecordsGone} when that record is.
 */
export async function locate(subject: JournalSubject, wanted: Position, until: FencedTail): Promise<Located> {
  const first = await locateFirst(subject);
  if (first === null) throw new JournalDamaged(`${subject.place.subject} holds nothing; ${wanted} was asked for.`);
  if (wanted < first.position) throw new RecordsGone(first.position, wanted);
  let low = first;
  let high: Located = { position: until.tail.position, sequence: until.sequence };
  for (let looks = 0; looks < LOOKS_MAX && wanted - low.position > RECORDS_NEAR; looks += 1) {
    // Where it lies if the journal grew evenly; every other time in the middle, in case it did not.
    const share = looks % 2 === 0 ? (wanted - low.position) / Math.max(high.position - low.position, 1) : 0.5;
    const guess = low.sequence + Math.floor((high.sequence - low.sequence) * share);
    if (guess <= low.sequence || guess >= high.sequence) break;
    const found = await look(subject, guess);
    if (found === null) break;
    if (found.position <= wanted) low = found;
    else high = { position: found.position, sequence: guess };
  }
  return low;
}

/** By the leader, as replicas that are behind may still hold what was truncated. */
async function look(subject: JournalSubject, from: number): Promise<Located | null> {
  let message = await subject.next(from, "leader");
  // A barrier says nothing.
  while (message?.fence?.before === null) message = await subject.next(message.sequence + 1, "leader");
  if (message === null) return null;
  const { sequence, fence, data } = message;
  if (fence?.before != null) return { position: fence.before.tail.position + 1, sequence };
  const decoded = decodeAlone(data);
  if (decoded.type === "record") return { position: decoded.record.position, sequence };
  throw new JournalDamaged(`Message ${sequence} on ${subject.place.subject} is neither a record nor a fence.`);
}
