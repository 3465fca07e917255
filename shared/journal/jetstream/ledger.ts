// A cluster's ledger: a stream of its own, one message a record, appended by compare-and-append by whoever knows the last.
//
// 1. Records are visited in order and once: each must continue the one before, by position and chain, and have its position
//    for its sequence in the stream. Who reads, and how many at once, does not matter therefore.
// 2. What is announced is only a reason to look. As it may get lost, it is also looked every second and after every lost
//    connection; so nothing depends on a consumer, which is gone for seconds when the server that holds it is.
// 3. The end is what the stream's leader says. A leader that was deposed and does not know it yet may say less than there
//    is for some seconds: then a reader is late, and an append behind its end is stale.
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import { systemClock } from "@millrace/clock/system.ts";
import type { Position } from "@millrace/model/ids.ts";
import type { NatsClient } from "@millrace/nats/connect.ts";
import { ConnectionNews } from "@millrace/nats/connection-news.ts";
import { readStored } from "@millrace/nats/stored.ts";
import type { Replicas } from "@millrace/nats/streams.ts";
import { headers } from "@nats-io/nats-core";
import { type AppendOutcome, JournalDamaged, type JournalRecord, type JournalTail } from "../journal.ts";
import type { Ledger, OpenLedger } from "../ledger.ts";
import { EMPTY_TAIL, tailOf } from "../record.ts";
import { framed } from "../sole-writer.ts";
import { NOBODY_SERVES, type Published, Publisher } from "./append.ts";
import type { FencedTail } from "./fence.ts";
import { ensureLedgerStream } from "./ledger-stream.ts";
import { APPEND_TIMEOUT_MS } from "./open.ts";
import { readRecords } from "./read.ts";
import { JournalSubject, SILENCE_MS } from "./subject.ts";
import { findTail } from "./tail.ts";

export interface JetStreamLedgerOptions {
  /** How many servers keep the stream, if it is to be made; one that is there never gets fewer. */
  readonly replicas: Replicas;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** How late a record is visited at most that was not announced. */
const LOOK_EVERY_MS = 1_000;

/**
 * The ledger of the cluster that the connection belongs to; opening it makes its stream if it is not there. Opening, like
 * catching up, waits while servers elect the stream's leader, up to `SILENCE_MS`. It rejects with `NatsProblem` when the
 * stream cannot be used, with {@link JournalDamaged} when what is there is no ledger or not the one that was read, and
 * with another error when no server answers. The connection stays open when it is closed.
 *
 * What the visitor throws rejects the call that brought the record, or ends the process where nobody waits; no record is
 * visited after it.
 */
export function openJetStreamLedger(client: NatsClient, options: JetStreamLedgerOptions): OpenLedger {
  const { replicas, clock = systemClock } = options;
  return async (visit) => {
    await ensureLedgerStream(client, replicas);
    const ledger = new JetStreamLedger(client, clock, visit);
    try {
      await ledger.catchUp();
    } catch (error: unknown) {
      await ledger.close();
      throw error;
    }
    ledger.follow();
    return ledger;
  };
}

class JetStreamLedger implements Ledger {
  readonly #client: NatsClient;
  readonly #clock: Clock;
  readonly #visit: (record: JournalRecord) => void;
  readonly #subject: JournalSubject;
  readonly #publisher: Publisher;
  readonly #ends: (() => void)[] = [];
  #tail: JournalTail = EMPTY_TAIL;
  /** The newest sequence that was announced since the last look. */
  #announced = 0;
  /** The append under way. */
  #appending: Promise<unknown> | null = null;
  /** What the visitor threw. */
  #failure: { readonly error: unknown } | null = null;
  #isOver = false;
  #wake: () => void = () => {};

  constructor(client: NatsClient, clock: Clock, visit: (record: JournalRecord) => void) {
    const { connection, names } = client;
    this.#client = client;
    this.#clock = clock;
    this.#visit = visit;
    const way = { connection, inboxPrefix: names.inbox, clock };
    this.#subject = new JournalSubject(way, { stream: names.registryStream, subject: names.registry });
    this.#publisher = new Publisher(this.#subject);
  }

  get visited(): Position {
    return this.#tail.position;
  }

  async append(expected: Position, body: Uint8Array, timeMs: number): Promise<AppendOutcome> {
    if (this.#failure !== null) throw this.#failure.error;
    if (this.#isOver) throw new Error("The ledger is closed.");
    if (this.#appending !== null) throw new Error("An append is under way: wait for its outcome.");
    if (expected !== this.visited) return { type: "stale" };
    const { frame, record } = framed(this.#tail, body, timeMs);
    const publishing = this.#publish(expected, frame);
    this.#appending = publishing;
    const published = await publishing;
    this.#appending = null;
    if (published.type !== "stored") return published;
    // What others wrote before was visited, as it is behind that. It may have been announced and read itself by now.
    this.#take(record, published.sequence);
    return { type: "appended" };
  }

  async catchUp(): Promise<void> {
    const until = await this.#end();
    const { position: visited, chain } = this.#tail;
    if (until.tail.position === visited && until.tail.chain !== chain) {
      throw new JournalDamaged(
        `Record ${visited} of ${this.#subject.place.subject} has chain ${until.tail.chain}, and had ${chain} when it was read.`,
      );
    }
    if (until.tail.position <= visited) return;
    const from = { sequence: visited + 1, next: visited + 1, previous: this.#tail };
    await readRecords(this.#subject, from, until, ({ record, message }) => this.#take(record, message.sequence));
  }

  /** Visits what others append from now on, as it comes. */
  follow(): void {
    const { connection, names } = this.#client;
    const subscription = connection.subscribe(names.registryNews, {
      callback: (error, message) => {
        const sequence = error === null ? (readStored(message)?.sequence ?? 0) : 0;
        this.#announced = Math.max(this.#announced, sequence);
        this.#wake();
      },
    });
    this.#ends.push(() => subscription.unsubscribe());
    this.#ends.push(ConnectionNews.of(connection).listen(() => this.#wake()));
    void this.#follow();
  }

  async close(): Promise<void> {
    this.#isOver = true;
    for (const end of this.#ends) end();
    this.#wake();
    await this.#appending;
    this.#publisher.close();
  }

  /** The end by the leader's knowledge. One that was just deposed may know less than was visited: it is asked again. */
  async #end(): Promise<FencedTail> {
    const { visited } = this;
    const giveUpMs = this.#clock.monotonicMs() + SILENCE_MS;
    for (;;) {
      const until = await findTail(this.#subject, await this.#subject.last());
      if (until.tail.position >= visited) return until;
      if (this.#clock.monotonicMs() > giveUpMs) {
        throw new JournalDamaged(
          `${this.#subject.place.subject} ends at ${until.tail.position}, and ${visited} was read from it.`,
        );
      }
      await this.#subject.pause();
    }
  }

  /** Nobody serves a stream that was just made, as far as some servers know, or that elects its leader: that passes. */
  async #publish(expected: Position, frame: Uint8Array): Promise<Published> {
    const giveUpMs = this.#clock.monotonicMs() + APPEND_TIMEOUT_MS;
    for (;;) {
      const message = { data: frame, headers: headers(), expected, timeoutMs: APPEND_TIMEOUT_MS };
      const published = await new Promise<Published>((resolve) => this.#publisher.send(message, resolve));
      if (published !== NOBODY_SERVES || this.#clock.monotonicMs() > giveUpMs) return published;
      await this.#subject.pause();
    }
  }

  /** Visits a record that continues those before it, unless it was already. */
  #take(record: JournalRecord, sequence: number): void {
    if (this.#failure !== null) throw this.#failure.error;
    if (this.#isOver || record.position <= this.visited) return;
    if (record.position !== sequence) {
      throw new JournalDamaged(
        `Record ${record.position} of ${this.#subject.place.subject} is message ${sequence}: others were removed, or are no records.`,
      );
    }
    this.#tail = tailOf(record);
    try {
      this.#visit(record);
    } catch (error: unknown) {
      this.#failure = { error };
      throw error;
    }
  }

  async #follow(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#look();
      } catch {
        // A promise that nobody waits for: this ends the process.
        if (this.#failure !== null) throw this.#failure.error;
        // Out of reach, or damaged: it is looked again, and whoever appends or catches up hears of it.
      }
      if (!this.#isOver && this.#announced <= this.visited) await this.#pause();
    }
  }

  async #look(): Promise<void> {
    const announced = this.#announced;
    this.#announced = 0;
    const isThere = announced > this.visited || (await this.#subject.next(this.visited + 1, "any")) !== null;
    if (isThere && !this.#isOver) await this.catchUp();
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancelTimer: CancelTimer = this.#clock.after(LOOK_EVERY_MS, () => this.#wake());
      this.#wake = () => {
        this.#wake = () => {};
        cancelTimer();
        resolve();
      };
    });
  }
}
