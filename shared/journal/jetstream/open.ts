// A cluster's journal: a subject of a JetStream stream, one message a record, fenced by a message of its own.

import type { Clock } from "@millrace/clock/clock.ts";
import { systemClock } from "@millrace/clock/system.ts";
import type { NatsConnection } from "@nats-io/nats-core";
import { type Journal, JournalDamaged, RECORD_BYTES_MAX } from "../journal.ts";
import { type Published, Publisher } from "./append.ts";
import { type FencedTail, fenceHeaders, type TakenOver } from "./fence.ts";
import { JetStreamJournal } from "./journal.ts";
import { SILENCE_MS } from "./read.ts";
import { type JournalPlace, JournalSubject } from "./subject.ts";
import { findTail } from "./tail.ts";

/** How long an append may be on its way: a healthy cluster takes milliseconds, one without a leader up to 10 s. */
export const APPEND_TIMEOUT_MS = 5_000;

/** Between two attempts to fence: a message that is just being stored is stored then. */
const FENCE_AGAIN_MS = 20;

/** Room for a record and its headers: what a connection must let through. */
const PAYLOAD_BYTES_MIN = RECORD_BYTES_MAX + 1024;

export interface JetStreamJournalOptions {
  /** Open, and the caller's to close. */
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
  const payloadBytes = connection.info?.max_payload ?? 0;
  if (payloadBytes < PAYLOAD_BYTES_MIN) {
    throw new RangeError(
      `The NATS server takes messages of at most ${payloadBytes} bytes; set its max_payload to ${PAYLOAD_BYTES_MIN} or more.`,
    );
  }
  const subject = new JournalSubject({ connection, inboxPrefix, clock }, place);
  const publisher = new Publisher(subject, options.appendTimeoutMs ?? APPEND_TIMEOUT_MS);
  try {
    const fence = await takeOver(subject, publisher, holder);
    return new JetStreamJournal({ subject, publisher, clock }, fence);
  } catch (error: unknown) {
    publisher.close();
    throw error;
  }
}

async function takeOver(subject: JournalSubject, publisher: Publisher, holder: string): Promise<TakenOver> {
  const { clock } = subject.way;
  const giveUpMs = clock.monotonicMs() + SILENCE_MS;
  for (;;) {
    let trouble: unknown;
    try {
      const last = await subject.last();
      const before = await findTail(subject, last);
      const published = await publishFence(publisher, holder, { ...before, expected: last?.sequence ?? 0 });
      switch (published.type) {
        case "stored":
          return { ...before, fenceSequence: published.sequence };
        case "full":
          throw new NoRoom(`${subject.place.stream} has no room to open ${subject.place.subject}: give it more.`);
        case "stale":
          trouble = "others write to it all the time";
          break;
        case "unknown":
          trouble = published.reason;
      }
    } catch (error: unknown) {
      if (error instanceof JournalDamaged || error instanceof NoRoom) throw error;
      trouble = error;
    }
    if (clock.monotonicMs() > giveUpMs) {
      throw new Error(`${subject.place.subject} could not be opened: ${String(trouble)}.`, { cause: trouble });
    }
    await new Promise<void>((resolve) => {
      clock.after(FENCE_AGAIN_MS, resolve);
    });
  }
}

class NoRoom extends Error {
  override readonly name = "NoRoom";
}

function publishFence(
  publisher: Publisher,
  holder: string,
  fence: FencedTail & { readonly expected: number },
): Promise<Published> {
  return new Promise((resolve) => {
    publisher.send(new Uint8Array(0), fenceHeaders({ ...fence, holder }), fence.expected, resolve);
  });
}
