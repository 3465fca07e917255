import type { HeldTask } from "./held-tasks.ts";

/** How late a deadline may be noticed. */
export const TICK_MS = 100;

/** Buckets; one turn of the wheel is 102 s, and a longer deadline is passed over once a turn. */
const BUCKETS = 1_024;

/**
 * Deadlines of all held tasks: a hashed timing wheel (Varghese and Lauck, scheme 6). Nearly every task is taken out
 * long before its deadline, so adding and taking out are what must be cheap; a heap would fill with the dead.
 */
export class DeadlineWheel {
  readonly #buckets: Set<HeldTask>[] = Array.from({ length: BUCKETS }, () => new Set<HeldTask>());
  #lastTick: number;

  /** @param nowMs monotonic, as everywhere here */
  constructor(nowMs: number) {
    this.#lastTick = Math.floor(nowMs / TICK_MS);
  }

  add(held: HeldTask): void {
    this.#bucketOf(held.deadlineMs).add(held);
  }

  remove(held: HeldTask): void {
    this.#bucketOf(held.deadlineMs).delete(held);
  }

  /** Takes out and returns what is due. A deadline is found by the first call at least a tick behind it. */
  expire(nowMs: number): HeldTask[] {
    const due: HeldTask[] = [];
    const tick = Math.floor(nowMs / TICK_MS);
    const from = Math.max(this.#lastTick, tick - BUCKETS);
    for (let at = from; at < tick; at++) {
      const bucket = this.#buckets[at % BUCKETS];
      if (bucket === undefined) continue;
      for (const held of bucket) {
        if (held.deadlineMs > nowMs) continue;
        bucket.delete(held);
        due.push(held);
      }
    }
    this.#lastTick = tick;
    return due;
  }

  #bucketOf(deadlineMs: number): Set<HeldTask> {
    const bucket = this.#buckets[Math.floor(deadlineMs / TICK_MS) % BUCKETS];
    if (bucket === undefined) throw new Error(`a deadline of ${deadlineMs} ms has no bucket`);
    return bucket;
  }
}
