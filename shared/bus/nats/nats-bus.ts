// The bus on core NATS. Subjects of the bus lie below one subject of the cluster, so that clusters can share servers.
//
// - Nobody waits while publishing. What the client holds is copied once, when it is written to the socket; the server says
//   now and then how far it has read, and what is more than a bound ahead of that is lost.
// - A listener too slow for the server (64 MiB or 10 s behind, by default) is cut off by it: a lost connection like any other.
import type { Clock } from "@millrace/clock/clock.ts";
import { systemClock } from "@millrace/clock/system.ts";
import type { NatsClient } from "@millrace/nats/connect.ts";
import { ConnectionNews } from "@millrace/nats/connection-news.ts";
import { type Msg, type NatsConnection, nuid, type Subscription } from "@nats-io/nats-core";
import { type Bus, type BusAnswer, BusCut, type BusMessage, MESSAGE_BYTES_MAX, type Unsubscribe } from "../bus.ts";
import { Requests } from "../requests.ts";
import { checkPattern, checkSubject, isWild, matches } from "../subject.ts";

/** After so much the server is asked how far it is: seldom enough to cost nothing, often against the bound. */
const CONFIRM_EVERY_BYTES = 1024 * 1024;
/** What may be sent and not confirmed: a second of the fastest traffic there is, and no danger to the process. */
const UNCONFIRMED_BYTES_MAX = 64 * 1024 * 1024;

/** The status of the message with which a server says that nobody listens. */
const NO_RESPONDERS = 503;

/** A bus over this connection, which stays open when the bus is closed. `clock` measures the time of requests. */
export function openNatsBus({ connection, names }: NatsClient, clock: Clock = systemClock): Bus {
  return new NatsBus(connection, `${names.bus}.`, clock);
}

class NatsBus implements Bus {
  readonly inbox: string;
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #news: ConnectionNews;
  readonly #requests: Requests;
  readonly #listeners = new Map<Subscription, Listener>();
  readonly #unlisten = new Set<() => void>();
  /** Waits for the server that a lost connection ends. */
  readonly #waits = new Set<(cut: BusCut) => void>();
  #unconfirmedBytes = 0;
  #unaskedBytes = 0;
  /** Grows with every lost connection: what was asked of an earlier one means nothing. */
  #era = 0;
  #isClosed = false;

  constructor(connection: NatsConnection, prefix: string, clock: Clock) {
    const id = nuid.next();
    this.inbox = `inbox.${id}`;
    this.#connection = connection;
    this.#prefix = prefix;
    this.#news = ConnectionNews.of(connection);
    this.#requests = new Requests(clock, `answers.${id}`);
    this.subscribe(this.#requests.pattern, (message) => this.#requests.heard(message));
    this.#unlisten.add(this.#news.listen((isUp) => void (isUp || this.#lost("The connection was lost."))));
  }

  get connected(): boolean {
    return !this.#isClosed && this.#news.isUp;
  }

  publish(subject: string, data: Uint8Array, reply = ""): void {
    checkSubject(subject);
    if (reply !== "") checkSubject(reply);
    if (data.length > MESSAGE_BYTES_MAX) {
      throw new RangeError(`A message on ${subject} has ${data.length} bytes, but at most ${MESSAGE_BYTES_MAX} go.`);
    }
    if (!this.connected || this.#unconfirmedBytes + data.length > UNCONFIRMED_BYTES_MAX) return;
    try {
      const options = reply === "" ? undefined : { reply: `${this.#prefix}${reply}` };
      this.#connection.publish(`${this.#prefix}${subject}`, data, options);
    } catch {
      return; // It is being closed: the message is lost like any that nobody takes.
    }
    this.#count(data.length);
  }

  subscribe(pattern: string, heard: (message: BusMessage) => void): Unsubscribe {
    checkPattern(pattern);
    if (this.#isClosed || this.#connection.isClosed() || this.#connection.isDraining()) return () => {};
    // The subject of what is heard need not be read where there is only one.
    const only = isWild(pattern) ? null : pattern;
    const subscription = this.#connection.subscribe(`${this.#prefix}${pattern}`, {
      callback: (error, message) => {
        // What servers complain of is reported by the connection.
        if (error !== null) return;
        const subject = only ?? message.subject.slice(this.#prefix.length);
        if (message.data.length === 0 && message.headers?.code === NO_RESPONDERS) this.#nobody(subject);
        else tell(heard, this.#read(message, subject));
      },
    });
    this.#listeners.set(subscription, { pattern, heard });
    return () => {
      if (this.#listeners.delete(subscription)) subscription.unsubscribe();
    };
  }

  async request(subject: string, data: Uint8Array, timeoutMs: number): Promise<BusAnswer> {
    if (this.#isClosed) return { type: "silent" };
    return await this.#requests.send((reply) => this.publish(subject, data, reply), timeoutMs);
  }

  onConnection(changed: (connected: boolean) => void): Unsubscribe {
    if (this.#isClosed) return () => {};
    const unlisten = this.#news.listen(changed);
    this.#unlisten.add(unlisten);
    return () => {
      this.#unlisten.delete(unlisten);
      unlisten();
    };
  }

  settled(): Promise<void> {
    if (!this.connected) return Promise.reject(new BusCut("There is no connection to NATS."));
    return new Promise((resolve, reject) => {
      this.#waits.add(reject);
      const end = (settle: () => void): void => {
        this.#waits.delete(reject);
        settle();
      };
      this.#connection.flush().then(
        () => end(resolve),
        (error: unknown) => end(() => reject(new BusCut("The connection to NATS was lost.", { cause: error }))),
      );
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.settled().catch(() => {}); // Without a connection there is nothing to wait for.
    this.#isClosed = true;
    for (const subscription of this.#listeners.keys()) subscription.unsubscribe();
    this.#listeners.clear();
    for (const unlisten of this.#unlisten) unlisten();
    this.#unlisten.clear();
    this.#lost("The bus was closed.");
  }

  #read({ data, reply = "" }: Msg, subject: string): BusMessage {
    // Who asks from outside the bus is answered nowhere.
    const answer = reply.startsWith(this.#prefix) ? reply.slice(this.#prefix.length) : "";
    return { type: "message", subject, data, reply: answer };
  }

  /** The server tells only one of the subscriptions that match. */
  #nobody(subject: string): void {
    for (const { pattern, heard } of [...this.#listeners.values()]) {
      if (matches(pattern, subject)) tell(heard, { type: "nobody", subject });
    }
  }

  #count(bytes: number): void {
    this.#unconfirmedBytes += bytes;
    this.#unaskedBytes += bytes;
    if (this.#unaskedBytes < CONFIRM_EVERY_BYTES) return;
    const asked = this.#unaskedBytes;
    const era = this.#era;
    this.#unaskedBytes = 0;
    this.#connection.flush().then(
      () => {
        if (era === this.#era) this.#unconfirmedBytes -= asked;
      },
      () => {}, // The connection was lost, which is told by itself.
    );
  }

  #lost(why: string): void {
    this.#era += 1;
    this.#unconfirmedBytes = 0;
    this.#unaskedBytes = 0;
    for (const reject of this.#waits) reject(new BusCut(why));
    this.#waits.clear();
    this.#requests.silence();
  }
}

interface Listener {
  readonly pattern: string;
  readonly heard: (message: BusMessage) => void;
}

/** A listener that throws must end the process like any broken invariant: the client would only stop reading, silently. */
function tell(heard: (message: BusMessage) => void, message: BusMessage): void {
  try {
    heard(message);
  } catch (error: unknown) {
    process.nextTick(() => {
      throw error;
    });
  }
}
