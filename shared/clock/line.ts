// One direction of a modelled connection: what is sent arrives in order, each after a delay of its own, by the clock alone.
import type { CancelTimer, Clock } from "./clock.ts";

interface Sent<Item> {
  readonly item: Item;
  readonly bytes: number;
  readonly dueMs: number;
}

export class Line<Item> {
  readonly #clock: Clock;
  readonly #arrive: (item: Item) => void;
  #underWay: Sent<Item>[] = [];
  #bytes = 0;
  #isHalted = false;
  /** Grows whenever what was ordered from the clock is void. */
  #era = 0;
  #isOrdered = false;
  #cancelTimer: CancelTimer = () => {};

  constructor(clock: Clock, arrive: (item: Item) => void) {
    this.#clock = clock;
    this.#arrive = arrive;
  }

  /** Bytes under way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Never arrives before returning, nor before what was sent earlier. */
  send(item: Item, bytes: number, delayMs: number): void {
    this.#underWay.push({ item, bytes, dueMs: this.#clock.monotonicMs() + delayMs });
    this.#bytes += bytes;
    this.#order();
  }

  /** Nothing arrives until {@link go}; nothing gets lost. */
  halt(): void {
    this.#isHalted = true;
    this.#void();
  }

  go(): void {
    this.#isHalted = false;
    this.#order();
  }

  /** What is under way gets lost. */
  clear(): void {
    this.#underWay = [];
    this.#bytes = 0;
    this.#void();
  }

  #order(): void {
    const [first] = this.#underWay;
    if (first === undefined || this.#isHalted || this.#isOrdered) return;
    this.#isOrdered = true;
    const era = this.#era;
    const wake = (): void => {
      if (era !== this.#era) return;
      this.#isOrdered = false;
      this.#arriveDue();
    };
    const inMs = first.dueMs - this.#clock.monotonicMs();
    if (inMs > 0) this.#cancelTimer = this.#clock.after(inMs, wake);
    else this.#clock.soon(wake);
  }

  #arriveDue(): void {
    const nowMs = this.#clock.monotonicMs();
    try {
      for (let first = this.#underWay[0]; first !== undefined && first.dueMs <= nowMs; first = this.#underWay[0]) {
        // What an arrival does may halt or clear the line.
        if (this.#isHalted) return;
        this.#underWay.shift();
        this.#bytes -= first.bytes;
        this.#arrive(first.item);
      }
    } finally {
      this.#order();
    }
  }

  #void(): void {
    this.#era++;
    this.#isOrdered = false;
    this.#cancelTimer();
  }
}
