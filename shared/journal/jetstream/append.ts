// Publishing with compare-and-append: stored only if the subject's last message is the one that the publisher names.
// Owns the subscription on which answers come. One message is under way at a time.
// What a subscription calls must not throw: the client would stop reading from its connection, and not say so.
import type { CancelTimer } from "@millrace/clock/clock.ts";
import {
  ANOTHER_IN_FLIGHT,
  field,
  isFullAnswer,
  numberOf,
  parseJson,
  textOf,
  WRONG_LAST_SEQUENCE,
} from "@millrace/nats/answer.ts";
import { ConnectionNews } from "@millrace/nats/connection-news.ts";
import { createInbox, type Msg, type MsgHdrs, type Subscription } from "@nats-io/nats-core";
import type { JournalSubject } from "./subject.ts";

/** What became of a message. */
export type Published =
  | { readonly type: "stored"; readonly sequence: number }
  /** Another message came first: this one was not stored. */
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
  readonly message: Message;
  readonly cancelTimer: CancelTimer;
  readonly done: (published: Published) => void;
  /** How often it was refused because another message was on its way. */
  refusals: number;
}

const EXPECTED = "Nats-Expected-Last-Subject-Sequence";

/** So often it is sent again at once; then at this pace, until its time is up. */
const REFUSALS_AT_ONCE = 3;
const AGAIN_MS = 2;
const NO_RESPONDERS = 503;

/** The one case of `unknown` of which it is sure that nothing was stored: the server knew nobody to pass the message to. */
export const NOBODY_SERVES: Published = { type: "unknown", reason: "nobody serves the stream" };
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
  send(message: Message, done: (published: Published) => void): void {
    const { clock } = this.#subject.way;
    if (message.expected !== null) message.headers.set(EXPECTED, String(message.expected));
    const cancelTimer = clock.after(message.timeoutMs, () => {
      this.#settle({ type: "unknown", reason: `no answer within ${message.timeoutMs} ms` });
    });
    this.#sent = { message, cancelTimer, done, refusals: 0 };
    this.#publish(this.#sent);
  }

  close(): void {
    this.#unlisten();
    this.#subscription.unsubscribe();
  }

  #publish({ message: { data, headers } }: Sent): void {
    // The client would keep it, and send it whenever the connection is there again.
    if (!this.#news.isUp) return this.#settle({ type: "unknown", reason: "there is no connection" });
    this.#ordinal += 1;
    const reply = `${this.#inbox}.${this.#ordinal}`;
    try {
      this.#subject.way.connection.publish(this.#subject.place.subject, data, { headers, reply });
    } catch (error: unknown) {
      this.#settle({ type: "unknown", reason: error instanceof Error ? error.message : String(error) });
    }
  }

  #hear(answer: Msg): void {
    const sent = this.#sent;
    if (sent === null || answer.subject !== `${this.#inbox}.${this.#ordinal}`) return;
    const published = this.#read(answer, sent.message.expected ?? 0);
    if (published !== "again") return this.#settle(published);
    sent.refusals += 1;
    const { clock } = this.#subject.way;
    const again = (): void => {
      // Its time may be up by now.
      if (this.#sent === sent) this.#publish(sent);
    };
    if (sent.refusals <= REFUSALS_AT_ONCE) clock.soon(again);
    else clock.after(AGAIN_MS, again);
  }

  #read(message: Msg, expected: number): Published | "again" {
    if (message.headers?.code === NO_RESPONDERS) return NOBODY_SERVES;
    const answer = parseJson(message.data);
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
    // Never before `send` returned; and what it throws ends the process, as an append's answer from a disk would.
    queueMicrotask(() => {
      sent.done(published);
    });
  }
}

function refusal(code: number, description: string): Published | "again" {
  if (code === WRONG_LAST_SEQUENCE) return STALE;
  if (code === ANOTHER_IN_FLIGHT) return "again";
  if (isFullAnswer(code, description)) return FULL;
  return { type: "unknown", reason: `${description} (${code})` };
}
