// The real clock: the machine's time, the event loop's timers, the operating system's random bits.
import { randomFillSync } from "node:crypto";
import type { CancelTimer, Clock } from "./clock.ts";

/** What `setTimeout` takes at most (2^31 - 1 ms, 24.8 days); beyond it, it would fire at once. */
const TIMEOUT_MS_MAX = 2_147_483_647;

/** Random numbers drawn at once: one call into the operating system for this many. */
const POOL_LENGTH = 1024;

const pool = new Uint32Array(POOL_LENGTH);
let poolUsed = POOL_LENGTH;

/** `performance.now()` counts from each thread's own start; the machine's count is the same for all threads. */
const THREAD_STARTED_MS = machineMs() - performance.now();

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => THREAD_STARTED_MS + performance.now(),
  after,
  soon: (callback) => {
    setImmediate(callback);
  },
  random32,
};

/** Re-arms for delays beyond {@link TIMEOUT_MS_MAX}, and when the event loop's coarse clock fired a little early. */
function after(delayMs: number, callback: () => void): CancelTimer {
  if (!Number.isFinite(delayMs)) throw new RangeError(`A timer's delay must be finite, not ${String(delayMs)} ms.`);
  const dueMs = performance.now() + delayMs;
  const arm = (): NodeJS.Timeout =>
    setTimeout(fire, Math.min(Math.max(Math.ceil(dueMs - performance.now()), 0), TIMEOUT_MS_MAX));
  const fire = (): void => {
    if (performance.now() >= dueMs) callback();
    else timer = arm();
  };
  let timer = arm();
  return () => {
    clearTimeout(timer);
  };
}

function machineMs(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1_000 + nanos / 1_000_000;
}

function random32(): number {
  if (poolUsed === POOL_LENGTH) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  const drawn = pool[poolUsed];
  if (drawn === undefined) throw new Error("The random pool is shorter than its length.");
  poolUsed += 1;
  return drawn;
}
