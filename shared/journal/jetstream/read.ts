// Reading records back, whichever replica answers. The chain says whether an answer is right: one that is not is asked
// for again, of the leader and of the others in turn, before the journal counts as damaged.
import type { Clock } from "@millrace/clock/clock.ts";
import { position } from "@millrace/model/ids.ts";
import { JournalDamaged, type JournalRecord, type JournalTail } from "../journal.ts";
import { type DecodedRecord, decodeAlone, decodeRecord } from "../record.ts";
import type { FencedTail } from "./fence.ts";
import { locateFirst, RecordsGone } from "./locate.ts";
import type { JournalSubject, Replica, StoredMessage } from "./subject.ts";

/** How long a reader holds the event loop at a stretch: the budget of a checkpoint's slice (DESIGN §5). */
const STRETCH_MS = 5;

/** Any of three replicas answers: the chance that the only good one of three is never asked is below 1 in 10. */
const TRIES_MAX = 12;
/** A record and the message that holds it. */
export interface FoundRecord {
  readonly message: StoredMessage;
  readonly record: JournalRecord;
}

/** Between two records. */
export interface Place {
  /** Where in the stream to look on. */
  readonly sequence: number;
  /** The position of the next record. */
  readonly next: number;
  /** The record before it; null = not known, and the next one is taken as it is. */
  readonly previous: JournalTail | null;
}

/** The place behind a record. */
export function placeBehind({ message, record }: FoundRecord): Place {
  return { sequence: message.sequence + 1, next: record.position + 1, previous: record };
}

/** The place behind a fence that lies between the same two records. */
export function placeBehindFence({ sequence }: StoredMessage, { next, previous }: Place): Place {
  return { sequence: sequence + 1, next, previous };
}

/**
 * Visits every record from a place to `until`, which must be there, with the message it came in. Rejects with
 * JournalTruncated, with {@link JournalDamaged} when a record is wrong on every replica, and with another error
 * when none answers.
 */
export async function readRecords(
  subject: JournalSubject,
  from: Place,
  until: FencedTail,
  visit: (found: FoundRecord) => void,
): Promise<void> {
  const stretch = new Stretch(subject.way.clock);
  let place = from;
  let batch = begin(subject, place.sequence);
  for (;;) {
    const messages = await batch;
    // A batch that failed or brought nothing leads nowhere: asking for it again could go on for ever.
    const behind = (messages.at(-1)?.sequence ?? until.sequence) + 1;
    // Asked for ahead: while this batch is looked at, the next is on its way.
    if (behind <= until.sequence) batch = begin(subject, behind);
    for (const message of messages) {
      const found = successor(message, place);
      if (found === "gap") break;
      place = found === "fence" ? placeBehindFence(message, place) : placeBehind(found);
      if (found !== "fence") visit(found);
      if (isAt(place, until)) return;
      const held = stretch.pause();
      if (held !== undefined) await held;
    }
    if (place.sequence === behind && behind <= until.sequence) continue;
    const found = await findNext(subject, place);
    place = placeBehind(found);
    visit(found);
    if (isAt(place, until)) return;
    batch = begin(subject, place.sequence);
  }
}

/** What a message is at a place: the record that comes next, a fence between records, or neither. */
export function successor(message: StoredMessage, place: Place): FoundRecord | "fence" | "gap" {
  if (message.fence !== null) {
    const { before } = message.fence;
    return before === null || before.tail.position + 1 === place.next ? "fence" : "gap";
  }
  const decoded = decodeMessage(message, place);
  return decoded.type === "record" ? { message, record: decoded.record } : "gap";
}

/** Finds the record that must come next, on whichever replica has it. Rejects as {@link readRecords} does. */
export async function findNext(subject: JournalSubject, place: Place): Promise<FoundRecord> {
  let reason = "";
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const found = tries % 2 === 0 ? await nextRecord(subject, place, "leader") : await nextOfAny(subject, place);
    if (typeof found === "object") return found;
    if (tries % 2 === 0) reason = found;
    await subject.pause();
  }
  const first = (await locateFirst(subject))?.position ?? 0;
  if (first > place.next) throw new RecordsGone(first, place.next);
  throw new JournalDamaged(
    `Record ${place.next} of ${subject.place.subject} cannot be read at or behind message ${place.sequence}: ${reason}.`,
  );
}

/** The record in the next message that is no fence, by one replica, or why it is not the one. */
async function nextRecord(subject: JournalSubject, place: Place, replica: Replica): Promise<FoundRecord | string> {
  for (let { sequence } = place; ; ) {
    const message = await subject.next(sequence, replica);
    if (message === null) return "there is none";
    sequence = message.sequence + 1;
    if (message.fence !== null) continue;
    const decoded = decodeMessage(message, place);
    if (decoded.type === "record") return { message, record: decoded.record };
    return decoded.type === "wrong" ? decoded.reason : "it is empty, and no fence";
  }
}

/** One that does not answer has not the record either. */
function nextOfAny(subject: JournalSubject, place: Place): Promise<FoundRecord | string> {
  return nextRecord(subject, place, "any").catch(() => "it did not answer");
}

function decodeMessage({ data }: StoredMessage, { next, previous }: Place): DecodedRecord {
  const decoded = previous === null ? decodeAlone(data) : decodeRecord(data, 0, previous);
  if (decoded.type !== "record") return decoded;
  const { record, end } = decoded;
  if (end !== data.length) return { type: "wrong", reason: `its message has ${data.length} bytes, not ${end}` };
  if (record.position === next) return decoded;
  return { type: "wrong", reason: `it says position ${record.position} at the place of ${position(next)}` };
}

/** A batch that is asked for ahead may fail before anybody waits for it; one that failed is as good as an empty one. */
function begin(subject: JournalSubject, sequence: number): Promise<readonly StoredMessage[]> {
  return subject.batch(sequence).catch(() => []);
}

function isAt({ next, previous }: Place, { tail }: FencedTail): boolean {
  if (previous === null || next <= tail.position) return false;
  if (previous.chain === tail.chain) return true;
  throw new JournalDamaged(
    `Record ${tail.position} has chain ${previous.chain}; the journal's tail has ${tail.chain}.`,
  );
}

/** Yields to the event loop now and then. */
class Stretch {
  readonly #clock: Clock;
  #endsMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#endsMs = clock.monotonicMs() + STRETCH_MS;
  }

  /** A promise to wait for when the event loop was held long enough. */
  pause(): Promise<void> | undefined {
    if (this.#clock.monotonicMs() < this.#endsMs) return undefined;
    return new Promise((resolve) => {
      this.#clock.soon(() => {
        this.#endsMs = this.#clock.monotonicMs() + STRETCH_MS;
        resolve();
      });
    });
  }
}
