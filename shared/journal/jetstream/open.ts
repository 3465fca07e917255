// A cluster's journal: a subject of a JetStream stream, one message a record, fenced by a message of its own.
import type { Clock } from "@millrace/clock/clock.ts";
import { systemClock } from "@millrace/clock/system.ts";
import type { NatsConnection } from "@nats-io/nats-core";
import { type Journal, RECORD_BYTES_MAX } from "../journal.ts";
import { type Published, Publisher } from "./append.ts";
import { type FencedTail, fenceHeaders, type TakenOver } from "./fence.ts";
import { JetStreamJournal } from "./journal.ts";
import { type JournalPlace, JournalSubject, SILENCE_MS } from "./subject.ts";
import { findTail } from "./tail.ts";

/** How long an append may be on its way: a healthy cluster takes milliseconds, one without a leader up to 9 s. */
export const APPEND_TIMEOUT_MS = 5_000;

/** How long the first attempt to fence may take; each further one twice as long, and no longer than an append. */
const FENCE_MS = 1_000;

/** After so many attempts that came second to a record, its writer is put out first. */
const BEATEN_MAX = 2;
/** Between attempts, at most; drawn, so that several who open do not keep beating each other. */
const AGAIN_MS_MAX = 50;

/** Room for a record and its headers: what a connection must let through. */
const PAYLOAD_BYTES_MIN = RECORD_BYTES_MAX + 1024;

export interface JetStreamJournalOptions {
  /** Open, and the caller's to close. A frozen server is noticed by its pings: give it short ones. */
  readonly connection: NatsConnection;
  /** What reply subjects begin with, for connections that may listen on nothing else. Default `_INBOX`. */
  readonly inboxPrefix?: string;
  /** Who opens it, for whoever reads the stream: 1 to 128 characters of `A-Z a-z 0-9 _ . : @ -`. */
  readonly holder: string;
  /** Default {@link APPEND_TIMEOUT_MS}; shorter for tests. */
  readonly appendTimeoutMs?: number;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/**
 * Opens a journal whose stream is there (`streams.ts`), after which every journal opened before is stale. Rejects with
 * JournalDamaged when what lies before the fence is no journal, and with another error when JetStream does not answer
 * for {@link SILENCE_MS} or has no room for the fence.
 */
export async function openJetStreamJournal(place: JournalPlace, options: JetStreamJournalOptions): Promise<Journal> {
  const { connection, holder, inboxPrefix = "_INBOX", clock = systemClock } = options;
  const { appendTimeoutMs = APPEND_TIMEOUT_MS } = options;
  const payloadBytes = connection.info?.max_payload;
  if (payloadBytes !== undefined && payloadBytes < PAYLOAD_BYTES_MIN) {
    throw new RangeError(
      `The NATS server takes messages of at most ${payloadBytes} bytes; set its max_payload to ${PAYLOAD_BYTES_MIN} or more.`,
    );
  }
  const subject = new JournalSubject({ connection, inboxPrefix, clock }, place);
  const publisher = new Publisher(subject);
  try {
    const fence = await new TakeOver(subject, publisher, holder).run();
    return new JetStreamJournal({ subject, publisher, appendTimeoutMs, clock }, fence);
  } catch (error: unknown) {
    publisher.close();
    throw error;
  }
}

/** The way to a fence that names what lies before it. */
class TakeOver {
  readonly #subject: JournalSubject;
  readonly #publisher: Publisher;
  readonly #holder: string;
  #timeoutMs = FENCE_MS;

  constructor(subject: JournalSubject, publisher: Publisher, holder: string) {
    this.#subject = subject;
    this.#publisher = publisher;
    this.#holder = holder;
  }

  async run(): Promise<TakenOver> {
    const { clock } = this.#subject.way;
    const giveUpMs = clock.monotonicMs() + SILENCE_MS;
    let beaten = 0;
    for (;;) {
      const last = await this.#subject.last();
      const before = await findTail(this.#subject, last);
      const published = await this.#publish(before, last?.sequence ?? 0);
      if (published.type === "stored") return { ...before, fenceSequence: published.sequence };
      // Others who open put writers out as well, and one of them is always first.
      if (published.type === "stale" && last?.fence === null) beaten += 1;
      if (clock.monotonicMs() > giveUpMs) {
        const reason = published.type === "unknown" ? published.reason : "others write to it all the time";
        throw new Error(`${this.#subject.place.subject} could not be opened: ${reason}.`);
      }
      if (beaten < BEATEN_MAX) {
        await this.#subject.pause(clock.random32() % AGAIN_MS_MAX);
      } else {
        beaten = 0;
        await this.#publish(null, null);
      }
    }
  }

  async #publish(before: FencedTail | null, expected: number | null): Promise<Published> {
    const headers = fenceHeaders({ holder: this.#holder, before });
    const message = { data: new Uint8Array(0), headers, expected, timeoutMs: this.#timeoutMs };
    const published = await new Promise<Published>((resolve) => {
      this.#publisher.send(message, resolve);
    });
    if (published.type === "unknown") this.#timeoutMs = Math.min(this.#timeoutMs * 2, APPEND_TIMEOUT_MS);
    if (published.type !== "full") return published;
    throw new Error(`${this.#subject.place.stream} has no room to open ${this.#subject.place.subject}: give it more.`);
  }
}
