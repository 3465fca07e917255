// The pulls of a channel: credits that lie at its shard until they come back with tasks or without.
//
// 1. Of every pull, what is delivered adds up to its credits, once.
// 2. Credits do not lie longer than PULL_PATIENCE_MS at a shard that does not answer; tasks that come after all go back.
import type { Task } from "@millrace/model/task.ts";
import type { Deliver } from "../link.ts";
import { PULL_PATIENCE_MS } from "./limits.ts";

interface Pull {
  left: number;
  readonly untilMs: number;
  readonly deliver: Deliver;
}

export class Pulls {
  /** In order of age. */
  readonly #open = new Map<number, Pull>();
  /** Credits of pulls that were given up and may still be answered in this session, by number. */
  readonly #late = new Map<number, number>();

  /** Whether the shard has kept credits for too long. */
  get isLate(): boolean {
    return this.#late.size > 0;
  }

  has(ref: number): boolean {
    return this.#open.has(ref) || this.#late.has(ref);
  }

  add(ref: number, credits: number, nowMs: number, deliver: Deliver): void {
    this.#open.set(ref, { left: credits, untilMs: nowMs + PULL_PATIENCE_MS, deliver });
  }

  /** An answer, or a part of it. Returns what has to go back to the shard. */
  answered(ref: number, tasks: readonly Task[], released: number): readonly Task[] {
    const count = tasks.length + released;
    const pull = this.#open.get(ref);
    if (pull === undefined) {
      this.#count(ref, count);
      return tasks;
    }
    // More than was asked for would never be what a shard says: it goes back.
    const fitting = tasks.slice(0, pull.left);
    const freed = Math.min(released, pull.left - fitting.length);
    pull.left -= fitting.length + freed;
    if (pull.left === 0) this.#open.delete(ref);
    pull.deliver(fitting, freed);
    return tasks.slice(fitting.length);
  }

  /** Gives up those that have waited long enough. */
  expire(nowMs: number): void {
    for (const [ref, pull] of [...this.#open]) {
      if (pull.untilMs > nowMs) return;
      this.#open.delete(ref);
      this.#late.set(ref, pull.left);
      pull.deliver([], pull.left);
    }
  }

  /** The session is over: nothing will come any more. */
  clear(): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    this.#late.clear();
    for (const { left, deliver } of open) deliver([], left);
  }

  #count(ref: number, count: number): void {
    const left = (this.#late.get(ref) ?? 0) - count;
    if (left > 0) this.#late.set(ref, left);
    else this.#late.delete(ref);
  }
}
