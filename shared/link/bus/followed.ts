// The runs whose end a channel still has to tell, after their start was answered.
import type { RunId } from "@millrace/model/ids.ts";
import type { Origin } from "../link.ts";

export interface Followed {
  /** The channel's own number for it, which was the start's. */
  readonly ref: number;
  readonly origin: Origin;
  /** The origin's own number for it. */
  readonly originRef: number;
  readonly runId: RunId;
}

export class FollowedEnds {
  readonly #followed = new Map<number, Followed>();
  /** Origins that are gone and may still stand among the followers. */
  readonly #gone = new Set<Origin>();

  get size(): number {
    return this.#followed.size;
  }

  has(ref: number): boolean {
    return this.#followed.has(ref);
  }

  add(followed: Followed): void {
    this.#followed.set(followed.ref, followed);
  }

  /** Takes out who is to be told of an end; undefined = it was told, or nobody wants to know any more. */
  take(ref: number): Followed | undefined {
    const followed = this.#followed.get(ref);
    if (followed === undefined) return undefined;
    this.#followed.delete(ref);
    return this.#gone.has(followed.origin) ? undefined : followed;
  }

  all(): Iterable<Followed> {
    return this.#followed.values();
  }

  /** An origin is gone. What it waited for is taken out by the next {@link sweep}. */
  forget(origin: Origin): void {
    this.#gone.add(origin);
  }

  isGone(origin: Origin): boolean {
    return this.#gone.has(origin);
  }

  /** Takes out what nobody waits for any more: one look at all for as many origins as have gone since the last. */
  sweep(): Followed[] {
    const swept = [...this.#followed.values()].filter(({ origin }) => this.#gone.has(origin));
    for (const { ref } of swept) this.#followed.delete(ref);
    this.#gone.clear();
    return swept;
  }

  /** Whether a sweep has anything to do. */
  get isStale(): boolean {
    return this.#gone.size > 0;
  }
}
