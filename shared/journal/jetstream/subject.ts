// One subject of one stream, as JetStream's API shows it: asked message by message of the stream's leader, or in batches
// of whichever replica answers first. A replica may be behind, and may have lost what it acked; readers check the chain.
import type { Clock } from "@millrace/clock/clock.ts";
import {
  field,
  JetStreamRefused,
  MESSAGE_NOT_FOUND,
  NOT_AVAILABLE,
  numberOf,
  parseAnswer,
  textOf,
} from "@millrace/nats/answer.ts";
import { ConnectionNews } from "@millrace/nats/connection-news.ts";
import { createInbox, type Msg, type MsgHdrs, MsgHdrsImpl, type NatsConnection } from "@nats-io/nats-core";
import { JournalDamaged } from "../journal.ts";
import { type Fence, readFence } from "./fence.ts";

/** Where one journal lies. */
export interface JournalPlace {
  readonly stream: string;
  readonly subject: string;
}

/** A way to NATS. */
export interface JetStreamWay {
  readonly connection: NatsConnection;
  /** What reply subjects begin with; for connections that may not listen on `_INBOX.>`. */
  readonly inboxPrefix: string;
  readonly clock: Clock;
}

/** A message on a journal's subject. */
export interface StoredMessage {
  /** Its place in the stream, which it shares with the messages of other journals. */
  readonly sequence: number;
  readonly data: Buffer;
  /** What its header says if it is a fence; null = it should be a record. */
  readonly fence: Fence | null;
}

/** How long JetStream may take for work on a stream or many of its messages. */
export const ANSWER_MS = 5_000;
/** How long it may take for a small answer, before it is asked again: another server may lead by then. */
export const SMALL_ANSWER_MS = 1_000;
/** How long a batch may bring nothing: its messages are then asked for one by one. */
const BATCH_SILENCE_MS = 2_000;
/** For as long it may not answer in all: an election of a stream's leader takes 4 to 9 s, and may fail. */
export const SILENCE_MS = 30_000;
/** Before a question is asked again. */
const AGAIN_MS = 20;

/** What a batch holds at most but for the last message: five of the largest records, a few milliseconds of the network. */
const BATCH_BYTES = 4 * 1024 * 1024;
/** Bounds what one batch of tiny records makes this process hold. */
const BATCH_MESSAGES = 4096;

const NO_CONNECTION = "There is no connection to NATS.";

const NOT_FOUND = 404;
const END_OF_BATCH = 204;

/** Which replica answers. */
export type Replica = "leader" | "any";

export class JournalSubject {
  readonly place: JournalPlace;
  readonly way: JetStreamWay;

  constructor(way: JetStreamWay, place: JournalPlace) {
    this.way = way;
    this.place = place;
  }

  /** The last message by the leader's knowledge; null = there is none. Rejects after {@link SILENCE_MS} of silence. */
  last(): Promise<StoredMessage | null> {
    return this.#insist({ last_by_subj: this.place.subject });
  }

  /**
   * The first message at or behind a sequence; null = that replica has none. The leader is asked for as long as
   * {@link SILENCE_MS}, any other replica once.
   */
  next(sequence: number, replica: Replica): Promise<StoredMessage | null> {
    const query = { seq: sequence, next_by_subj: this.place.subject };
    return replica === "leader" ? this.#insist(query) : this.#askAny(query);
  }

  /** Waits before something is tried again. */
  pause(pauseMs = AGAIN_MS): Promise<void> {
    return new Promise((resolve) => {
      this.way.clock.after(pauseMs, resolve);
    });
  }

  /** Messages at or behind a sequence, in order; none = that replica has none. Rejects when no answer comes to its end. */
  async batch(sequence: number): Promise<readonly StoredMessage[]> {
    const messages = await this.#batch(sequence);
    // Here and not as they come: a subscription's callback must not throw.
    return messages.map((message) => directMessage(message));
  }

  #batch(sequence: number): Promise<readonly Msg[]> {
    const { connection, inboxPrefix, clock } = this.way;
    const news = ConnectionNews.of(connection);
    if (!news.isUp) return Promise.reject(new Error(NO_CONNECTION));
    const query = {
      seq: sequence,
      next_by_subj: this.place.subject,
      batch: BATCH_MESSAGES,
      max_bytes: BATCH_BYTES,
    };
    return new Promise((resolve, reject) => {
      const messages: Msg[] = [];
      const inbox = createInbox(inboxPrefix);
      let heard = true;
      // Throws, and so rejects, where the connection is closed.
      const subscription = connection.subscribe(inbox, {
        callback: (error, message) => {
          heard = true;
          if (error !== null) return end(error);
          const code = message.headers?.code ?? 0;
          if (code === NOT_FOUND || code === END_OF_BATCH) end(null);
          else if (code !== 0) end(new Error(`${this.place.stream} answered ${code}.`));
          else messages.push(message);
        },
      });
      const end = (error: Error | null): void => {
        cancel();
        unlisten();
        subscription.unsubscribe();
        if (error === null) resolve(messages);
        else reject(error);
      };
      const watchSilence = (): void => {
        if (!heard) return end(new Error(`${this.place.stream} was silent for ${BATCH_SILENCE_MS} ms.`));
        heard = false;
        cancel = clock.after(BATCH_SILENCE_MS, watchSilence);
      };
      let cancel = clock.after(BATCH_SILENCE_MS, watchSilence);
      const unlisten = news.listen(() => end(new Error(NO_CONNECTION)));
      connection.publish(this.#directSubject(), JSON.stringify(query), { reply: inbox });
    });
  }

  /** Removes every message below a sequence, on all replicas. */
  async purgeBelow(sequence: number): Promise<void> {
    const query = { filter: this.place.subject, seq: sequence };
    await this.request(`STREAM.PURGE.${this.place.stream}`, query, ANSWER_MS);
  }

  /** Asks JetStream's API. Rejects with {@link JetStreamRefused}, or another error when no answer comes. */
  async request(api: string, query: object, timeoutMs: number): Promise<unknown> {
    return parseAnswer((await this.#send(`$JS.API.${api}`, query, timeoutMs)).data);
  }

  async #insist(query: object): Promise<StoredMessage | null> {
    const { clock, connection } = this.way;
    const giveUpMs = clock.monotonicMs() + SILENCE_MS;
    for (;;) {
      try {
        return await this.#ask(query);
      } catch (error: unknown) {
        const isRefused = error instanceof JetStreamRefused && error.code !== NOT_AVAILABLE;
        const isFinal = isRefused || error instanceof JournalDamaged || connection.isClosed();
        if (isFinal || clock.monotonicMs() > giveUpMs) throw error;
      }
      await this.pause();
    }
  }

  async #ask(query: object): Promise<StoredMessage | null> {
    try {
      const answer = await this.request(`STREAM.MSG.GET.${this.place.stream}`, query, SMALL_ANSWER_MS);
      const message = field(answer, "message");
      const headers = textOf(message, "hdrs");
      return {
        sequence: numberOf(message, "seq"),
        data: Buffer.from(textOf(message, "data"), "base64"),
        fence: headers === "" ? null : readFence(MsgHdrsImpl.decode(Buffer.from(headers, "base64"))),
      };
    } catch (error: unknown) {
      if (error instanceof JetStreamRefused && error.code === MESSAGE_NOT_FOUND) return null;
      throw error;
    }
  }

  async #askAny(query: object): Promise<StoredMessage | null> {
    const answer = await this.#send(this.#directSubject(), query, SMALL_ANSWER_MS);
    const code = answer.headers?.code ?? 0;
    if (code === NOT_FOUND) return null;
    if (code !== 0) throw new Error(`${this.place.stream} answered ${code} ${answer.headers?.description ?? ""}.`);
    return directMessage(answer);
  }

  /** What is sent without a connection is lost: nobody need wait for the answer. */
  #send(subject: string, query: object, timeoutMs: number): Promise<Msg> {
    const { connection } = this.way;
    if (!ConnectionNews.of(connection).isUp) return Promise.reject(new Error(NO_CONNECTION));
    return connection.request(subject, JSON.stringify(query), { timeout: timeoutMs });
  }

  #directSubject(): string {
    return `$JS.API.DIRECT.GET.${this.place.stream}`;
  }
}

/** A message as a replica sends it, its place in a header. */
function directMessage({ headers, data }: Msg): StoredMessage {
  return {
    sequence: sequenceOf(headers),
    data: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    fence: headers === undefined ? null : readFence(headers),
  };
}

function sequenceOf(headers: MsgHdrs | undefined): number {
  const sequence = Number(headers?.get("Nats-Sequence"));
  if (!Number.isSafeInteger(sequence) || sequence < 1) throw new Error("A message came without its sequence.");
  return sequence;
}
