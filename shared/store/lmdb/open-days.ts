// Environments of days that are open on one thread, at most a few: the least recently used one is let go.
import type { Environment } from "./environment.ts";

export class OpenDays<Opened extends Environment> {
  readonly #open: (period: number) => Opened;
  readonly #max: number;
  /** Least recently used first. */
  readonly #opened = new Map<number, Opened>();

  /** `max`: how many may be open; each costs its reader slot, two file handles and the pages it maps. */
  constructor(max: number, open: (period: number) => Opened) {
    this.#max = max;
    this.#open = open;
  }

  /** The environment of a day, opened (and made) if need be. */
  get(period: number): Opened {
    const found = this.#opened.get(period) ?? this.#open(period);
    this.#opened.delete(period);
    this.#opened.set(period, found);
    const [oldest] = this.#opened.keys();
    if (this.#opened.size > this.#max && oldest !== undefined) void this.close(oldest);
    return found;
  }

  /** Everything that is open. */
  values(): Iterable<Opened> {
    return this.#opened.values();
  }

  /** Lets go of one day, if it is open. */
  async close(period: number): Promise<void> {
    const found = this.#opened.get(period);
    this.#opened.delete(period);
    await found?.root.close();
  }

  async closeAll(): Promise<void> {
    for (const period of [...this.#opened.keys()]) await this.close(period);
  }
}
