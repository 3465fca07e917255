/**
 * Work on large payloads, one at a time and only while there is room for its result: a thousand outputs of 4 MiB are not
 * to be in memory at once. What waits is small references; how many, the owner bounds.
 */
export class PacedQueue<Item> {
  readonly #work: (item: Item) => Promise<boolean>;
  readonly #waiting: Item[] = [];
  #busy = false;
  #open = true;

  /** `work` resolves to whether there is room for more; without, nothing is begun until `go`. It must not reject. */
  constructor(work: (item: Item) => Promise<boolean>) {
    this.#work = work;
  }

  push(item: Item): void {
    this.#waiting.push(item);
    this.#next();
  }

  /** There is room again. */
  go(): void {
    this.#open = true;
    this.#next();
  }

  clear(): void {
    this.#waiting.length = 0;
  }

  #next(): void {
    if (this.#busy || !this.#open) return;
    const item = this.#waiting.shift();
    if (item === undefined) return;
    this.#busy = true;
    void this.#work(item).then((room) => {
      this.#busy = false;
      this.#open = room;
      this.#next();
    });
  }
}
