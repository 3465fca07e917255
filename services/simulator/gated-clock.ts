// The clock of a process that can die: once it is shut, nothing of the process runs any more.
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";

export class GatedClock implements Clock {
  readonly #clock: Clock;
  #isOpen = true;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From now on no callback runs. */
  shut(): void {
    this.#isOpen = false;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    return this.#clock.after(delayMs, () => {
      if (this.#isOpen) callback();
    });
  }

  soon(callback: () => void): void {
    this.#clock.soon(() => {
      if (this.#isOpen) callback();
    });
  }

  random32(): number {
    return this.#clock.random32();
  }
}
