/** Upper bound of the first wait, ms; it doubles with every failure in a row. */
const FIRST_MS = 50;

/** Upper bound of any wait, ms. */
const MAX_MS = 5_000;

/** How long to wait before trying a server again, ms: exponential with full jitter. `failures` in a row, from 1. */
export function backoffMs(failures: number, random32: number, maxMs = MAX_MS): number {
  const boundMs = Math.min(maxMs, FIRST_MS * 2 ** Math.min(failures, 10));
  return Math.ceil((boundMs * random32) / 2 ** 32);
}
