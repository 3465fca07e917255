// The seam to time, the event loop and randomness. The simulation has its own; everything else uses `system.ts`.

/** Takes back a timer; calling it twice, or after the timer fired, does nothing. */
export type CancelTimer = () => void;

export interface Clock {
  /** Wall clock, epoch ms. May jump. */
  nowMs(): number;
  /** Never goes back; only differences mean anything, also between threads of a process. In ms, with fractions. */
  monotonicMs(): number;
  /** Calls back once, not before `delayMs` from now. */
  after(delayMs: number, callback: () => void): CancelTimer;
  /** Calls back in a later turn of the event loop, after pending I/O. */
  soon(callback: () => void): void;
  /** 32 random bits; good enough for jitter and run IDs, not for secrets. */
  random32(): number;
}
