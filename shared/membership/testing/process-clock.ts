// The clock of a process that can be frozen, thawed and killed, and whose wall clock may be wrong.
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";

export class ProcessClock implements Clock {
  /** How far the wall clock is ahead, ms. */
  wallAheadMs = 0;
  readonly #clock: Clock;
  #state: "running" | "frozen" | "dead" = "running";
  /** What was due while it stood still, in order. */
  #held: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isRunning(): boolean {
    return this.#state === "running";
  }

  get isDead(): boolean {
    return this.#state === "dead";
  }

  freeze(): void {
    if (this.#state === "running") this.#state = "frozen";
  }

  thaw(): void {
    if (this.#state !== "frozen") return;
    this.#state = "running";
    const held = this.#held;
    this.#held = [];
    for (const callback of held) this.#run(callback);
  }

  /** No callback runs any more. */
  kill(): void {
    this.#state = "dead";
    this.#held = [];
  }

  nowMs(): number {
    return this.#clock.nowMs() + this.wallAheadMs;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    let isCancelled = false;
    const cancel = this.#clock.after(delayMs, () =>
      this.#run(() => {
        if (!isCancelled) callback();
      }),
    );
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  soon(callback: () => void): void {
    this.#clock.soon(() => this.#run(callback));
  }

  random32(): number {
    return this.#clock.random32();
  }

  #run(callback: () => void): void {
    if (this.#state === "running") callback();
    else if (this.#state === "frozen") this.#held.push(callback);
  }
}
