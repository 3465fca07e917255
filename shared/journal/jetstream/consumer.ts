// An ephemeral consumer that pushes a subject's messages from a sequence on. It lives in one server's memory and costs
// the cluster next to nothing; when it breaks it is dropped, and another is made.
import type { CancelTimer } from "@millrace/clock/clock.ts";
import { ConnectionNews } from "@millrace/nats/connection-news.ts";
import { createInbox, type Msg, nuid, type Subscription } from "@nats-io/nats-core";
import { readFence } from "./fence.ts";
import { type JournalSubject, SMALL_ANSWER_MS, type StoredMessage } from "./subject.ts";

/** How often an idle consumer says that it lives. */
const HEARTBEAT_MS = 1_000;
/** A consumer silent for so long is gone, with its server or what its server knew. */
const SILENT_MS = 2_500;
/** Its server removes a consumer that nobody listens to after that. */
const FORGOTTEN_MS = 30_000;

const NANOS_A_MS = 1e6;

/** The status of a message that only asks whether its listener lives and keeps up. */
const CONTROL = 100;

/** In a message's reply subject, `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.…`, from the end. */
const SEQUENCE_TOKEN = -4;

export class PushConsumer {
  readonly #subject: JournalSubject;
  readonly #name = `follow-${nuid.next()}`;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  readonly #unlisten: () => void;
  #heard: Msg[] = [];
  /** Resolves the wait for the next message. */
  #wake: () => void = () => undefined;
  #cancelWatch: CancelTimer;
  #isSilent = false;
  #isOver = false;

  private constructor(subject: JournalSubject) {
    const { connection, inboxPrefix } = subject.way;
    this.#subject = subject;
    this.#inbox = createInbox(inboxPrefix);
    this.#subscription = connection.subscribe(this.#inbox, {
      callback: (error, message) => {
        this.#isSilent = false;
        if (error === null) this.#heard.push(message);
        else this.#isOver = true;
        this.#wake();
      },
    });
    // Whether it is lost or back: the consumer may have had to do with the server that is gone.
    this.#unlisten = ConnectionNews.of(connection).listen(() => {
      this.close();
    });
    this.#cancelWatch = this.#watch();
  }

  /** Rejects when JetStream does not make the consumer. */
  static async create(subject: JournalSubject, sequence: number): Promise<PushConsumer> {
    const consumer = new PushConsumer(subject);
    try {
      await consumer.#create(sequence);
      return consumer;
    } catch (error: unknown) {
      consumer.close();
      throw error;
    }
  }

  /** The next message; null = it brings nothing more. The server sends no faster than this is called. */
  async next(): Promise<StoredMessage | null> {
    for (;;) {
      const message = this.#heard.shift();
      const code = message?.headers?.code ?? 0;
      if (this.#isOver || (code !== 0 && code !== CONTROL)) return null;
      if (message === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else if (code === 0) {
        return pushed(message);
      } else {
        this.#answerControl(message);
      }
    }
  }

  /** Nothing is brought from now on. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unlisten();
    this.#cancelWatch();
    this.#wake();
    const { connection } = this.#subject.way;
    if (connection.isClosed()) return;
    this.#subscription.unsubscribe();
    // Its server would forget it by itself: nobody waits for an answer.
    connection.publish(`$JS.API.CONSUMER.DELETE.${this.#subject.place.stream}.${this.#name}`);
  }

  async #create(sequence: number): Promise<void> {
    const { stream, subject } = this.#subject.place;
    const config = {
      name: this.#name,
      deliver_subject: this.#inbox,
      deliver_policy: "by_start_sequence",
      opt_start_seq: sequence,
      ack_policy: "none",
      filter_subject: subject,
      flow_control: true,
      idle_heartbeat: HEARTBEAT_MS * NANOS_A_MS,
      inactive_threshold: FORGOTTEN_MS * NANOS_A_MS,
      max_deliver: 1,
      mem_storage: true,
      num_replicas: 1,
    };
    const query = { stream_name: stream, config, action: "create" };
    await this.#subject.request(`CONSUMER.CREATE.${stream}.${this.#name}.${subject}`, query, SMALL_ANSWER_MS);
  }

  #answerControl(message: Msg): void {
    const stalled = message.headers?.get("Nats-Consumer-Stalled") ?? "";
    if (stalled !== "") this.#subject.way.connection.publish(stalled);
    else if (message.reply !== undefined && message.reply !== "") message.respond();
  }

  #watch(): CancelTimer {
    return this.#subject.way.clock.after(SILENT_MS, () => {
      if (this.#isSilent) return this.close();
      this.#isSilent = true;
      this.#cancelWatch = this.#watch();
    });
  }
}

function pushed({ headers, data, reply = "" }: Msg): StoredMessage {
  return {
    sequence: Number(reply.split(".").at(SEQUENCE_TOKEN)),
    data: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    fence: headers === undefined ? null : readFence(headers),
  };
}
