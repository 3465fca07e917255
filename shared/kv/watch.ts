// One watch: what it has been told, so that revisions never go back and nobody hears of the end of what he never saw.
import { isBelow } from "./key.ts";
import type { KvEntry } from "./kv.ts";

export class Watch {
  readonly #prefix: string;
  readonly #changed: (entry: KvEntry) => void;
  readonly #caughtUp: () => void;
  /** The newest revision heard of, by key; whether it was told as alive. */
  readonly #heard = new Map<string, { readonly revision: number; readonly isAlive: boolean }>();
  #isCaughtUp = false;
  #isOver = false;

  constructor(prefix: string, changed: (entry: KvEntry) => void, caughtUp: () => void) {
    this.#prefix = prefix;
    this.#changed = changed;
    this.#caughtUp = caughtUp;
  }

  /** Tells it, if it is news. */
  tell(entry: KvEntry): void {
    if (this.#isOver || !isBelow(this.#prefix, entry.key)) return;
    const heard = this.#heard.get(entry.key);
    if (heard !== undefined && heard.revision >= entry.revision) return;
    const isAlive = entry.value !== null;
    this.#heard.set(entry.key, { revision: entry.revision, isAlive });
    if (isAlive || heard?.isAlive === true) this.#changed(entry);
  }

  /** All that was there when it began has been told. */
  catchUp(): void {
    if (this.#isOver || this.#isCaughtUp) return;
    this.#isCaughtUp = true;
    this.#caughtUp();
  }

  end(): void {
    this.#isOver = true;
  }
}
