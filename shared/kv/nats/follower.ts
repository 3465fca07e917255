// Follows the bucket. The server repeats what it has stored to whoever listens, at once; and as that may get lost, the
// bucket is also looked into every second and after every lost connection. So nothing depends on a consumer, which is gone
// for many seconds when the server that happens to hold it is.
//
// 1. `readTo` grows by reading alone: all that is stored up to it was told. What the server repeats may be ahead of that.
// 2. Entries may be told twice, and older ones after newer ones; `Watch` sorts that out.
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import type { NatsClient } from "@millrace/nats/connect.ts";
import { ConnectionNews } from "@millrace/nats/connection-news.ts";
import { kvStream } from "@millrace/nats/names.ts";
import { batchOfAny, lastOfLeader, readStored } from "@millrace/nats/stored.ts";
import type { KvEntry } from "../kv.ts";
import { entryOf, subjectOf } from "./bucket.ts";

export interface FollowerParts {
  readonly client: NatsClient;
  readonly clock: Clock;
  readonly tell: (entry: KvEntry) => void;
  /** Called once: all that was there at the beginning has been told. */
  readonly caughtUp: () => void;
}

/** How late news is at most that the server's repetition did not bring. */
const LOOK_EVERY_MS = 1_000;
/** Between two looks while the replica that answers is behind what is known to be there. */
const LOOK_AGAIN_MS = 50;
/** What one look brings at most; then the next one follows at once. */
const BATCH_MESSAGES = 256;
const BATCH_BYTES = 4 * 1024 * 1024;

export class Follower {
  readonly #parts: FollowerParts;
  readonly #stream: string;
  readonly #ends: (() => void)[] = [];
  #readTo = 0;
  /** The newest revision when following began; null = not known yet. */
  #target: number | null = null;
  #isCaughtUp = false;
  #isOver = false;
  #wake: () => void = () => {};

  constructor(parts: FollowerParts) {
    this.#parts = parts;
    const { client } = parts;
    this.#stream = kvStream(client.names.kvBucket);
    const subscription = client.connection.subscribe(`${client.names.kvNews}.>`, {
      callback: (error, message) => {
        const stored = error === null && !this.#isOver ? readStored(message) : null;
        // Anybody who may publish there may publish anything.
        if (stored?.subject.startsWith(subjectOf(client.names, "")) === true) this.#tell(entryOf(client.names, stored));
      },
    });
    this.#ends.push(() => subscription.unsubscribe());
    this.#ends.push(ConnectionNews.of(client.connection).listen(() => this.#wake()));
    void this.#follow();
  }

  stop(): void {
    this.#isOver = true;
    for (const end of this.#ends) end();
    this.#wake();
  }

  async #follow(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#look();
      } catch {
        // Out of reach: it is looked again.
      }
      const isBehind = this.#target !== null && !this.#isCaughtUp;
      if (!this.#isOver) await this.#pause(isBehind ? LOOK_AGAIN_MS : LOOK_EVERY_MS);
    }
  }

  async #look(): Promise<void> {
    const { client, caughtUp } = this.#parts;
    const subject = subjectOf(client.names, ">");
    this.#target ??= (await lastOfLeader(client, this.#stream, subject))?.sequence ?? 0;
    for (;;) {
      const messages = await batchOfAny(client, {
        stream: this.#stream,
        subject,
        from: this.#readTo + 1,
        messagesMax: BATCH_MESSAGES,
        bytesMax: BATCH_BYTES,
      });
      if (this.#isOver) return;
      for (const message of messages) {
        this.#tell(entryOf(client.names, message));
        this.#readTo = message.sequence;
      }
      if (messages.length === 0) break;
    }
    if (this.#isCaughtUp || this.#readTo < this.#target) return;
    this.#isCaughtUp = true;
    this.#later(caughtUp);
  }

  #tell(entry: KvEntry): void {
    this.#later(() => this.#parts.tell(entry));
  }

  /**
   * In order, and where a watch that throws ends the process: here that would pass for a store out of reach, or make the
   * client stop reading.
   */
  #later(news: () => void): void {
    queueMicrotask(() => {
      if (!this.#isOver) news();
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancelTimer: CancelTimer = this.#parts.clock.after(ms, () => this.#wake());
      this.#wake = () => {
        this.#wake = () => {};
        cancelTimer();
        resolve();
      };
    });
  }
}
