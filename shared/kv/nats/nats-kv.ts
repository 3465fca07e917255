// The common memory in a key-value bucket of JetStream. Writes go to the bucket's leader, which compares and sets; reads are
// answered by any replica, and may be behind.
import type { Clock } from "@millrace/clock/clock.ts";
import { systemClock } from "@millrace/clock/system.ts";
import { ANOTHER_IN_FLIGHT, JetStreamRefused, WRONG_LAST_SEQUENCE } from "@millrace/nats/answer.ts";
import type { NatsClient } from "@millrace/nats/connect.ts";
import { store } from "@millrace/nats/jetstream.ts";
import { kvStream } from "@millrace/nats/names.ts";
import { lastOfAny, lastOfLeader } from "@millrace/nats/stored.ts";
import { ensureStream, type Replicas } from "@millrace/nats/streams.ts";
import { checkKey, checkRevision, checkValue } from "../key.ts";
import { type Kv, type KvEntry, type KvOutcome, KvUnreachable, type Unwatch } from "../kv.ts";
import { Watch } from "../watch.ts";
import { bucketConfig, entryOf, subjectOf, writeHeaders } from "./bucket.ts";
import { Follower } from "./follower.ts";

const NOTHING = new Uint8Array();

/** How long the bucket may take: less than the leases that are kept in it, so that a holder can try again in time. */
const ANSWER_MS = 2_000;
/** Before a write is sent again that was refused only because another one was on its way. */
const AGAIN_MS = 2;

/**
 * Opens the common memory of the cluster that the connection belongs to, and makes it if it is not there. The connection
 * stays open when it is closed. Rejects with `NatsProblem`, and with what JetStream refuses.
 */
export async function openNatsKv(client: NatsClient, replicas: Replicas, clock: Clock = systemClock): Promise<Kv> {
  await ensureStream(client.connection, bucketConfig(client.names, replicas));
  return new NatsKv(client, clock);
}

class NatsKv implements Kv {
  readonly #client: NatsClient;
  readonly #clock: Clock;
  readonly #stream: string;
  readonly #watches = new Set<Watch>();
  /** What the follower has told, for watches that begin later; nothing while nobody watches. */
  readonly #entries = new Map<string, KvEntry>();
  #follower: Follower | null = null;
  #isCaughtUp = false;

  constructor(client: NatsClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    this.#stream = kvStream(client.names.kvBucket);
  }

  async get(key: string): Promise<KvEntry | undefined> {
    checkKey(key);
    const { names } = this.#client;
    try {
      const message = await lastOfAny(this.#client, this.#stream, subjectOf(names, key), ANSWER_MS);
      if (message === null) return undefined;
      const entry = entryOf(names, message);
      return entry.value === null ? undefined : entry;
    } catch (error: unknown) {
      throw new KvUnreachable(`${key} cannot be read: ${reasonOf(error)}`, { cause: error });
    }
  }

  async put(key: string, value: Uint8Array, expected: number): Promise<KvOutcome> {
    checkKey(key);
    checkValue(key, value);
    const outcome = await this.#write(key, value, expected);
    if (outcome.type !== "stale" || expected !== 0) return outcome;
    // It exists, or it did: then its end is what to write on top of.
    let last: Awaited<ReturnType<typeof lastOfLeader>>;
    try {
      last = await lastOfLeader(this.#client, this.#stream, subjectOf(this.#client.names, key));
    } catch (error: unknown) {
      return { type: "unknown", reason: reasonOf(error) };
    }
    if (last === null || entryOf(this.#client.names, last).value !== null) return outcome;
    return await this.#write(key, value, last.sequence);
  }

  async delete(key: string, expected: number): Promise<KvOutcome> {
    checkKey(key);
    checkRevision(key, expected);
    return await this.#write(key, null, expected);
  }

  watch(prefix: string, changed: (entry: KvEntry) => void, caughtUp: () => void = () => {}): Unwatch {
    if (prefix !== "") checkKey(prefix);
    const watch = new Watch(prefix, changed, caughtUp);
    this.#watches.add(watch);
    // Not before returning, like everything that comes later.
    queueMicrotask(() => this.#begin(watch));
    return () => {
      watch.end();
      this.#watches.delete(watch);
      if (this.#watches.size === 0) this.#unfollow();
    };
  }

  close(): Promise<void> {
    for (const watch of this.#watches) watch.end();
    this.#watches.clear();
    this.#unfollow();
    return Promise.resolve();
  }

  #begin(watch: Watch): void {
    const { connection } = this.#client;
    if (!this.#watches.has(watch) || connection.isClosed() || connection.isDraining()) return;
    for (const entry of this.#entries.values()) watch.tell(entry);
    if (this.#isCaughtUp) watch.catchUp();
    this.#follower ??= new Follower({
      client: this.#client,
      clock: this.#clock,
      tell: (entry) => this.#tell(entry),
      caughtUp: () => {
        this.#isCaughtUp = true;
        for (const each of [...this.#watches]) each.catchUp();
      },
    });
  }

  #tell(entry: KvEntry): void {
    if ((this.#entries.get(entry.key)?.revision ?? 0) >= entry.revision) return;
    this.#entries.set(entry.key, entry);
    for (const watch of [...this.#watches]) watch.tell(entry);
  }

  #unfollow(): void {
    this.#follower?.stop();
    this.#follower = null;
    this.#entries.clear();
    this.#isCaughtUp = false;
  }

  /** null = delete. */
  async #write(key: string, value: Uint8Array | null, expected: number): Promise<KvOutcome> {
    const { connection, names } = this.#client;
    const options = { headers: writeHeaders(expected, value === null), answerMs: ANSWER_MS };
    const giveUpMs = this.#clock.monotonicMs() + ANSWER_MS;
    for (;;) {
      try {
        return { type: "put", revision: await store(connection, subjectOf(names, key), value ?? NOTHING, options) };
      } catch (error: unknown) {
        const code = error instanceof JetStreamRefused ? error.code : 0;
        if (code === WRONG_LAST_SEQUENCE) return { type: "stale" };
        const isInTime = this.#clock.monotonicMs() < giveUpMs;
        if (code !== ANOTHER_IN_FLIGHT || !isInTime) return { type: "unknown", reason: reasonOf(error) };
      }
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(AGAIN_MS, resolve);
    });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
