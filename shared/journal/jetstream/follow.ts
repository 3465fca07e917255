// Following a journal on a subject, by an ephemeral consumer that pushes. The consumer is only a way to hear of messages
// soon: which records come next, and whether one is missing, is judged by positions and chain alone, and what the
// consumer does not bring is fetched. So a consumer that broke is dropped and made anew, and nothing of it is trusted.
import { systemClock } from "@millrace/clock/system.ts";
import type { Position } from "@millrace/model/ids.ts";
import { type FollowOptions, JournalDamaged, type JournalFollower, type JournalGap } from "../journal.ts";
import { PushConsumer } from "./consumer.ts";
import { locate, locateFirst, RecordsGone } from "./locate.ts";
import type { JetStreamJournalOptions } from "./open.ts";
import { type FoundRecord, findNext, type Place, placeBehind, placeBehindFence, successor } from "./read.ts";
import { type JournalPlace, JournalSubject } from "./subject.ts";
import { findTail } from "./tail.ts";

/** Before another attempt to reach JetStream. */
const AGAIN_MS = 100;

/** Follows the journal at a place. */
export function followJetStreamJournal(
  place: JournalPlace,
  way: Pick<JetStreamJournalOptions, "connection" | "inboxPrefix" | "clock">,
  options: FollowOptions,
): JournalFollower {
  const { connection, inboxPrefix = "_INBOX", clock = systemClock } = way;
  return new JetStreamFollower(new JournalSubject({ connection, inboxPrefix, clock }, place), options);
}

class JetStreamFollower implements JournalFollower {
  readonly #subject: JournalSubject;
  readonly #options: FollowOptions;
  #position: Position;
  #consumer: PushConsumer | null = null;
  #isStopped = false;

  constructor(subject: JournalSubject, options: FollowOptions) {
    this.#subject = subject;
    this.#options = options;
    this.#position = options.behind.position;
    void this.#run();
  }

  position(): Position {
    return this.#position;
  }

  stop(): void {
    this.#isStopped = true;
    this.#consumer?.close();
  }

  async #run(): Promise<void> {
    let place: Place | null = null;
    while (!this.#isStopped) {
      try {
        place ??= await this.#begin();
        place = await this.#follow(place);
      } catch (error: unknown) {
        if (error instanceof VisitFailed) throw error.cause;
        const gap = gapOf(error);
        if (gap !== null) return this.#tell(gap);
      }
      if (!this.#isStopped) await this.#subject.pause(AGAIN_MS);
    }
  }

  /** The place behind the record that the follower has, or a few before it. */
  async #begin(): Promise<Place> {
    const { behind } = this.#options;
    const next = behind.position + 1;
    const last = await this.#subject.last();
    const until = await findTail(this.#subject, last);
    const first = await locateFirst(this.#subject);
    if (last === null || first === null || behind.position > until.tail.position) {
      return { sequence: (last?.sequence ?? 0) + 1, next, previous: null };
    }
    if (next < first.position) throw new RecordsGone(first.position, next);
    const start = next === first.position ? first : await locate(this.#subject, behind.position, until);
    return { sequence: start.sequence, next: start.position, previous: null };
  }

  /** Takes what a consumer brings, until it brings nothing more. Resolves with the place reached. */
  async #follow(from: Place): Promise<Place> {
    let place = from;
    this.#consumer = await PushConsumer.create(this.#subject, place.sequence);
    try {
      while (!this.#isStopped) {
        const message = await this.#consumer.next();
        if (message === null) break;
        while (message.sequence >= place.sequence) {
          const found = successor(message, place);
          if (found === "fence") place = placeBehindFence(message, place);
          else place = this.#take(found === "gap" ? await findNext(this.#subject, place) : found);
        }
      }
      return place;
    } finally {
      this.#consumer.close();
      this.#consumer = null;
    }
  }

  #take(found: FoundRecord): Place {
    const { record } = found;
    const { behind, visit } = this.#options;
    if (behind.chain !== null) {
      const isOther = record.position === behind.position && record.chain !== behind.chain;
      const isBehindOther = record.position === behind.position + 1 && record.previousChain !== behind.chain;
      if (isOther || isBehindOther) {
        throw new JournalDamaged(
          `Record ${behind.position} has chain ${behind.chain} for the follower, and another here.`,
        );
      }
    }
    if (record.position > this.#position && !this.#isStopped) {
      this.#position = record.position;
      try {
        visit(record);
      } catch (error: unknown) {
        throw new VisitFailed("A visitor failed.", { cause: error });
      }
    }
    return placeBehind(found);
  }

  #tell(gap: JournalGap): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#options.gap(gap);
  }
}

/** What the visitor threw, told apart from what NATS did. */
class VisitFailed extends Error {}

/** null = JetStream could not be reached, and may be later. */
function gapOf(error: unknown): JournalGap | null {
  if (error instanceof RecordsGone) return { type: "truncated", first: error.first };
  if (error instanceof JournalDamaged) return { type: "damaged", reason: error.message };
  return null;
}
