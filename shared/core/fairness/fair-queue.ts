// Deficit round robin (Shreedhar and Varghese, "Efficient Fair Queuing Using Deficit Round-Robin", SIGCOMM 1995), with
// every item costing the same. Keys with something waiting take turns; an idle key hoards nothing: it is forgotten.

/** Waiting items of one key, oldest first. */
interface Lane<Item> {
  readonly key: string;
  items: Item[];
  /** Index of the oldest item; those before it are gone. */
  head: number;
  /** How many more items it may give before the next key's turn. */
  credit: number;
}

/** Taken items are cut off once this many have gathered, so that a queue that never empties does not grow. */
const TAKEN_MAX = 4096;

export class FairQueue<Item> {
  readonly #lanes = new Map<string, Lane<Item>>();
  /** Keys in the order of their turns; the first has its turn now. */
  #order: Lane<Item>[] = [];
  #turn = 0;
  #size = 0;
  readonly #quantum: number;

  /** `quantum`: how many items a key gives in one turn. Larger is faster and coarser. */
  constructor(quantum: number) {
    this.#quantum = quantum;
  }

  get size(): number {
    return this.#size;
  }

  /** How many keys have something waiting. */
  get keys(): number {
    return this.#lanes.size;
  }

  push(key: string, item: Item): void {
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { key, items: [], head: 0, credit: this.#quantum };
      this.#lanes.set(key, lane);
      this.#order.push(lane);
    }
    lane.items.push(item);
    this.#size++;
  }

  /** The next item; undefined = nothing waits. */
  take(): Item | undefined {
    const lane = this.#current();
    if (lane === undefined) return undefined;
    const item = lane.items[lane.head++];
    lane.credit--;
    this.#size--;
    if (lane.head === lane.items.length) this.#retire(lane);
    else if (lane.head === TAKEN_MAX) {
      lane.items = lane.items.slice(lane.head);
      lane.head = 0;
    }
    return item;
  }

  /** Takes everything out, in the order `take` would. */
  drain(): Item[] {
    const items: Item[] = [];
    for (let item = this.take(); item !== undefined; item = this.take()) items.push(item);
    return items;
  }

  #current(): Lane<Item> | undefined {
    const lane = this.#order[this.#turn];
    if (lane === undefined || lane.credit > 0) return lane;
    lane.credit = this.#quantum;
    this.#turn++;
    this.#order.push(lane);
    this.#trim();
    return this.#order[this.#turn];
  }

  #retire(lane: Lane<Item>): void {
    this.#lanes.delete(lane.key);
    this.#turn++;
    this.#trim();
  }

  #trim(): void {
    if (this.#turn === this.#order.length) {
      this.#order = [];
      this.#turn = 0;
    } else if (this.#turn >= TAKEN_MAX) {
      this.#order = this.#order.slice(this.#turn);
      this.#turn = 0;
    }
  }
}
