// A process's connection to a common memory in memory, and the trouble a test wants of it.
// Owns both directions of the connection, what is asked and not answered yet, and the watches. A cut that lasts loses
// what is under way; a write that nobody answered in time may still arrive when a shorter one is mended.
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import { Line } from "@millrace/clock/line.ts";
import { checkKey, checkRevision, checkValue } from "../key.ts";
import { type Kv, type KvEntry, type KvOutcome, KvUnreachable, type Unwatch } from "../kv.ts";
import { Watch } from "../watch.ts";
import type { MemoryKv, MemoryKvWrite, Watcher } from "./store.ts";

export interface MemoryKvHandleParts {
  readonly store: MemoryKv;
  readonly name: string;
  /** The process's. */
  readonly clock: Clock;
  /** The store's: it and the network go on when the process does not. */
  readonly network: Clock;
}

/** Something to do at the far end of a line. */
type Parcel = () => void;

const open = (parcel: Parcel): void => parcel();

export class MemoryKvHandle implements Kv, Watcher {
  readonly name: string;
  readonly #store: MemoryKv;
  readonly #clock: Clock;
  readonly #network: Clock;
  readonly #up: Line<Parcel>;
  readonly #down: Line<Parcel>;
  /** News for watches travels on its own: it may be late, and answers do not wait for it. */
  readonly #news: Line<Parcel>;
  readonly #watches = new Set<Watch>();
  #isCut = false;
  /** The cut has lasted: both sides have given up the connection. */
  #isLost = false;
  #isPaused = false;
  #isDead = false;
  #cancelNotice: CancelTimer = () => {};

  constructor({ store, name, clock, network }: MemoryKvHandleParts) {
    this.name = name;
    this.#store = store;
    this.#clock = clock;
    this.#network = network;
    this.#up = new Line(network, open);
    this.#down = new Line(clock, open);
    this.#news = new Line(clock, open);
    store.join(this);
  }

  async get(key: string): Promise<KvEntry | undefined> {
    checkKey(key);
    return await new Promise((resolve, reject) => {
      const cancelTimer = this.#clock.after(this.#store.answerMs, () => {
        if (!this.#isDead) reject(new KvUnreachable(`No answer for ${key} within ${this.#store.answerMs} ms.`));
      });
      this.#ask(() => {
        const entry = this.#store.read(key, this.name);
        this.#answer(() => {
          cancelTimer();
          resolve(entry);
        });
      });
    });
  }

  async put(key: string, value: Uint8Array, expected: number): Promise<KvOutcome> {
    checkKey(key);
    checkValue(key, value);
    return await this.#write({ by: this.name, key, value, expected });
  }

  async delete(key: string, expected: number): Promise<KvOutcome> {
    checkKey(key);
    checkRevision(key, expected);
    return await this.#write({ by: this.name, key, value: null, expected });
  }

  watch(prefix: string, changed: (entry: KvEntry) => void, caughtUp: () => void = () => {}): Unwatch {
    if (prefix !== "") checkKey(prefix);
    const watch = new Watch(prefix, changed, caughtUp);
    if (this.#isDead) return () => {};
    this.#watches.add(watch);
    this.#fetch(watch);
    return () => {
      watch.end();
      this.#watches.delete(watch);
    };
  }

  close(): Promise<void> {
    for (const watch of this.#watches) watch.end();
    this.#watches.clear();
    this.#store.leave(this);
    return Promise.resolve();
  }

  /** For the store: a key changed. */
  tell(entry: KvEntry): void {
    if (this.#watches.size === 0) return;
    this.#inform(() => {
      for (const watch of this.#watches) watch.tell(entry);
    });
  }

  // Trouble.

  /** The network to this process is gone. */
  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    for (const line of this.#lines) line.halt();
    this.#cancelNotice = this.#network.after(this.#store.noticeMs, () => {
      this.#isLost = true;
      for (const line of this.#lines) line.clear();
    });
  }

  mend(): void {
    if (!this.#isCut) return;
    this.#isCut = false;
    this.#cancelNotice();
    this.#up.go();
    if (!this.#isPaused) this.#hear();
    if (!this.#isLost) return;
    this.#isLost = false;
    for (const watch of this.#watches) this.#fetch(watch);
  }

  /** The process stands still: answers and news wait. */
  pause(): void {
    this.#isPaused = true;
    this.#down.halt();
    this.#news.halt();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isCut) this.#hear();
  }

  /** The process dies: none of its promises settles, and it is told nothing more. What it sent before may still arrive. */
  crash(): void {
    this.#isDead = true;
    this.#store.leave(this);
    this.#watches.clear();
    this.#down.clear();
    this.#news.clear();
  }

  get #lines(): readonly Line<Parcel>[] {
    return [this.#up, this.#down, this.#news];
  }

  #hear(): void {
    this.#down.go();
    this.#news.go();
  }

  #write(write: MemoryKvWrite): Promise<KvOutcome> {
    return new Promise((resolve) => {
      const cancelTimer = this.#clock.after(this.#store.answerMs, () => {
        const reason = `no answer within ${this.#store.answerMs} ms`;
        if (!this.#isDead) resolve({ type: "unknown", reason });
      });
      this.#ask(() => {
        const outcome = this.#store.write(write);
        if (outcome === null) return;
        this.#answer(() => {
          cancelTimer();
          resolve(outcome);
        });
      });
    });
  }

  /** Has the watch told all there is, by and by. */
  #fetch(watch: Watch): void {
    this.#ask(() => {
      const entries = this.#store.entries();
      this.#inform(() => {
        for (const entry of entries) watch.tell(entry);
        watch.catchUp();
      });
    });
  }

  #ask(parcel: Parcel): void {
    if (!this.#isDead && !this.#isLost) this.#up.send(parcel, 0, this.#store.latencyMs);
  }

  #answer(parcel: Parcel): void {
    if (!this.#isDead && !this.#isLost) this.#down.send(parcel, 0, this.#store.latencyMs);
  }

  #inform(parcel: Parcel): void {
    const { latencyMs, watchDelayMs } = this.#store;
    if (!this.#isDead && !this.#isLost) this.#news.send(parcel, 0, latencyMs + watchDelayMs);
  }
}
