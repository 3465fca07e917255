// Publishing with compare-and-append: stored only if the subject's last message is the one that the publisher names.
// Owns the subscription on which answers come. One message is under way at a time.
import type { CancelTimer } from "@millrace/clock/clock.ts";
import { createInbox, type Msg, type MsgHdrs, type Subscription } from "@nats-io/nats-core";
import { field, numberOf, textOf } from "./answer.ts";
import { ConnectionNews } from "./connection.ts";
import type { JournalSubject } from "./subject.ts";

/** What became of a message. */
export type Published =
  | { readonly type: "stored"; readonly sequence: number }
  /** Another message came first, or is just being stored: this one was not. */
  | { readonly type: "stale" }
  /** No room: it was not stored. */
  | { readonly type: "full" }
  | { readonly type: "unknown"; readonly reason: string };

export interface Message {
  readonly data: Uint8Array;
  /** The message's own; its expectation is added to them. */
  readonly headers: MsgHdrs;
  /** The sequence of the subject's last message; 0 = there must be none; null = whatever there is. */
  readonly expected: number | null;
  /** After which nobody knows what became of it. */
  readonly timeoutMs: number;
}

interface Sent {
  readonly expected: number;
  readonly cancelTimer: CancelTimer;
  readonly done: (published: Published) => void;
}

const EXPECTED = "Nats-Expected-Last-Subject-Sequence";

/** Codes of JetStream's refusals: the message was not stored, since the check comes before. */
const WRONG_LAST_SEQUENCE = 10_071;
/** The same while another message of the subject is on its way through the replicas. */
const WRONG_LAST_SEQUENCE_IN_FLIGHT = 10_164;
/** Of the server, of the account, of the account's file storage. */
const NO_RESOURCES: ReadonlySet<number> = new Set([10_023, 10_002, 10_047]);
/** The store's own error, in words. Only with the words below is it sure that nothing was written. */
const STORE_FAILED = 10_077;
const STREAM_FULL = "maximum bytes exceeded";
const NO_RESPONDERS = 503;

const STALE: Published = { type: "stale" };
const FULL: Published = { type: "full" };

export class Publisher {
  readonly #subject: JournalSubject;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  readonly #news: ConnectionNews;
  readonly #unlisten: () => void;
  /** Names the answer that is waited for, so that a late one to an earlier message is none. */
  #ordinal = 0;
  #sent: Sent | null = null;

  constructor(subject: JournalSubject) {
    const { connection, inboxPrefix } = subject.way;
    this.#subject = subject;
    this.#inbox = createInbox(inboxPrefix);
    this.#subscription = connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#hear(message);
        else this.#settle({ type: "unknown", reason: error.message });
      },
    });
    this.#news = ConnectionNews.of(connection);
    // The answer to what is under way is lost with the connection.
    this.#unlisten = this.#news.listen((isUp) => {
      if (!isUp) this.#settle({ type: "unknown", reason: "the connection was lost" });
    });
  }

  /** Publishes a message. Calls `done` once, never before returning. */
  send({ data, headers, expected, timeoutMs }: Message, done: (published: Published) => void): void {
    const { connection, clock } = this.#subject.way;
    this.#ordinal += 1;
    const refuse = (reason: string): void => {
      clock.soon(() => {
        done({ type: "unknown", reason });
      });
    };
    // The client would keep it and send it whenever the connection is there again.
    if (!this.#news.isUp) return refuse("there is no connection");
    if (expected !== null) headers.set(EXPECTED, String(expected));
    try {
      connection.publish(this.#subject.place.subject, data, { headers, reply: `${this.#inbox}.${this.#ordinal}` });
    } catch (error: unknown) {
      return refuse(error instanceof Error ? error.message : String(error));
    }
    const cancelTimer = clock.after(timeoutMs, () => {
      this.#settle({ type: "unknown", reason: `no answer within ${timeoutMs} ms` });
    });
    this.#sent = { expected: expected ?? 0, cancelTimer, done };
  }

  close(): void {
    this.#unlisten();
    this.#subscription.unsubscribe();
  }

  #hear(message: Msg): void {
    if (this.#sent === null || message.subject !== `${this.#inbox}.${this.#ordinal}`) return;
    this.#settle(this.#read(message, this.#sent.expected));
  }

  #read(message: Msg, expected: number): Published {
    if (message.headers?.code === NO_RESPONDERS) return { type: "unknown", reason: "nobody serves the stream" };
    const answer: unknown = message.json();
    const error = field(answer, "error");
    if (error !== undefined) return refusal(numberOf(error, "err_code"), textOf(error, "description"));
    const sequence = numberOf(answer, "seq");
    const stream = textOf(answer, "stream");
    if (stream !== this.#subject.place.stream || sequence <= expected) {
      return { type: "unknown", reason: `it was stored in "${stream}" at ${sequence}, behind ${expected}` };
    }
    return { type: "stored", sequence };
  }

  #settle(published: Published): void {
    const sent = this.#sent;
    if (sent === null) return;
    this.#sent = null;
    sent.cancelTimer();
    sent.done(published);
  }
}

function refusal(code: number, description: string): Published {
  if (code === WRONG_LAST_SEQUENCE || code === WRONG_LAST_SEQUENCE_IN_FLIGHT) return STALE;
  if (NO_RESOURCES.has(code) || (code === STORE_FAILED && description === STREAM_FULL)) return FULL;
  return { type: "unknown", reason: `${description} (${code})` };
}
