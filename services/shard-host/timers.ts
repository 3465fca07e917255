// The timers of a shard that are due soon: a binary heap by due time. Later ones wait in the store's index. A timer is
// only a hint to look at a run, so stale and double ones are harmless, and nothing is ever taken back.
//
// 1. A look at a run orders the next one, so only the earliest timer of a run counts: `armedMs` of its actor.
// 2. Of a run in memory, an `armedMs` within the window is in the heap. Of any other, its due time in the store is.
import type { RunId, TenantId } from "@millrace/model/ids.ts";
import type { Actor } from "./actors.ts";

export interface Timer {
  readonly dueMs: number;
  readonly runId: RunId;
  readonly tenant: TenantId;
}

export class Timers {
  /** Timers due up to here are in the heap; later ones may be only in the store. */
  windowMs = 0;
  readonly #heap: Timer[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** When the earliest is due; undefined = there is none. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.dueMs;
  }

  /** Has a run in memory looked at: nothing to do if it will be before. */
  order(actor: Actor, dueMs: number): void {
    if (actor.armedMs !== 0 && actor.armedMs <= dueMs) return;
    this.arm(actor, dueMs);
  }

  /** Makes this the timer of the run that counts. */
  arm(actor: Actor, dueMs: number): void {
    actor.armedMs = dueMs;
    if (dueMs <= this.windowMs) this.push({ dueMs, runId: actor.runId, tenant: actor.tenant });
  }

  push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.dueMs <= timer.dueMs) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = timer;
  }

  /** Takes the earliest if it is due. */
  take(nowMs: number): Timer | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#sink(last);
    return first;
  }

  clear(): void {
    this.#heap.length = 0;
  }

  #sink(timer: Timer): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const rightFirst = right !== undefined && right.dueMs < left.dueMs;
      const child = rightFirst ? right : left;
      if (child.dueMs >= timer.dueMs) break;
      heap[at] = child;
      at = 2 * at + (rightFirst ? 2 : 1);
    }
    heap[at] = timer;
  }
}
