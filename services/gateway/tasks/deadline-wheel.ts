import type { HeldTask } from "./held-tasks.ts";

/** How late a deadline may be noticed. */
export const TICK_MS = 100;

/** Buckets; one turn of the wheel is 102 s, and a longer deadline is passed over once a turn. */
const BUCKETS = 1_024;

/**
 * Deadlines of all held tasks: a hashed timing wheel (Varghese and Lauck, scheme 6). Nearly every task is taken out
 * long before its deadline, so adding and taking out are what must be cheap: a bucket is a list linked through the tasks.
 */
export class DeadlineWheel {
  /** The newest task of each bucket. */
  readonly #buckets: (HeldTask | null)[] = new Array<HeldTask | null>(BUCKETS).fill(null);
  #lastTick: number;

  /** @param nowMs monotonic, as everywhere here */
  constructor(nowMs: number) {
    this.#lastTick = Math.floor(nowMs / TICK_MS);
  }

  add(held: HeldTask): void {
    const bucket = bucketOf(held);
    const next = this.#buckets[bucket] ?? null;
    held.earlier = next;
    if (next !== null) next.later = held;
    this.#buckets[bucket] = held;
  }

  remove(held: HeldTask): void {
    const { earlier, later } = held;
    if (earlier !== null) earlier.later = later;
    if (later !== null) later.earlier = earlier;
    else this.#buckets[bucketOf(held)] = earlier;
    held.earlier = null;
    held.later = null;
  }

  /** Returns what is due; the caller removes it. A deadline is found by the first call at least a tick behind it. */
  expire(nowMs: number): HeldTask[] {
    const due: HeldTask[] = [];
    const tick = Math.floor(nowMs / TICK_MS);
    const from = Math.max(this.#lastTick, tick - BUCKETS);
    for (let at = from; at < tick; at++)
      for (let held = this.#buckets[at % BUCKETS] ?? null; held !== null; held = held.earlier)
        if (held.deadlineMs <= nowMs) due.push(held);
    this.#lastTick = tick;
    return due;
  }
}

function bucketOf(held: HeldTask): number {
  return Math.floor(held.deadlineMs / TICK_MS) % BUCKETS;
}
