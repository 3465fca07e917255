// Waiting for a fact about the outside world that announces itself in no other way.
import { setTimeout as pause } from "node:timers/promises";

/** Between two looks. Short against what a test waits for, long against the cost of looking. */
const LOOK_EVERY_MS = 10;

/** How long anything may take before a test gives up; generous, so that a slow machine is no failure. */
export const WAIT_MS = 30_000;

/**
 * Looks until `look` gives something other than undefined or false, and returns that.
 * Rejects with `what` was waited for after `timeoutMs`. An error thrown by `look` ends the wait at once.
 */
export async function waitUntil<Found>(
  what: string,
  look: () => Found | undefined | false | Promise<Found | undefined | false>,
  timeoutMs = WAIT_MS,
): Promise<Found> {
  const giveUpMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > giveUpMs) throw new Error(`Waited ${String(timeoutMs)} ms in vain for: ${what}.`);
    await pause(LOOK_EVERY_MS);
  }
}
