import type { Clock } from "@millrace/clock/clock.ts";
import { BEAT_MS, MISSED_MS } from "./timing.ts";

/** The most that counts between two looks: whoever looks later was not there in between. */
const STEP_MS_MAX = 2 * BEAT_MS;

/**
 * Time in which this process could have heard others: silence counts in that alone. It stands still while the process
 * does, and while not even its own heartbeats come back: then it is the deaf one, and everybody else is as well as before.
 */
export class Attention {
  readonly #clock: Clock;
  #nowMs = 0;
  #lookedMs: number;
  #echoMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lookedMs = clock.monotonicMs();
  }

  get nowMs(): number {
    const monotonicMs = this.#clock.monotonicMs();
    const stepMs = monotonicMs - this.#lookedMs;
    this.#lookedMs = monotonicMs;
    if (monotonicMs - this.#echoMs < MISSED_MS) this.#nowMs += Math.min(stepMs, STEP_MS_MAX);
    return this.#nowMs;
  }

  /** One of this process's own heartbeats came back. */
  echo(): void {
    // What lies behind counts as it was until now.
    void this.nowMs;
    this.#echoMs = this.#clock.monotonicMs();
  }
}
