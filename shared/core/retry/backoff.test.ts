import type { Failure } from "@millrace/model/failure.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs, outcomeKnown, retries } from "./backoff.ts";

const POLICY = { maxAttempts: 5, initialDelayMs: 500, maxDelayMs: 60_000, multiplier: 2 };
const DAY_MS = 24 * 60 * 60 * 1000;

function failure(fields: Partial<Failure>): Failure {
  return { code: "BUSY", class: "transient", message: "", guidance: "", retryAfterMs: 0, ...fields };
}

describe("the delay before the next attempt", () => {
  it.each([
    [1, 500],
    [2, 1000],
    [3, 2000],
    [8, 60_000],
    [100, 60_000],
  ])("after attempt %i is below %i ms", (attempt, boundMs) => {
    expect(backoffMs(POLICY, attempt, failure({}), 0xffff_ffff)).toBe(boundMs - 1);
    expect(backoffMs(POLICY, attempt, failure({}), 0x8000_0000)).toBe(boundMs / 2);
    expect(backoffMs(POLICY, attempt, failure({}), 0)).toBe(0);
  });

  it("is never shorter than Retry-After, which is believed up to a day", () => {
    expect(backoffMs(POLICY, 1, failure({ retryAfterMs: 90_000 }), 0)).toBe(90_000);
    expect(backoffMs(POLICY, 1, failure({ retryAfterMs: 10 }), 0x8000_0000)).toBe(250);
    expect(backoffMs(POLICY, 1, failure({ retryAfterMs: 30 * DAY_MS }), 0)).toBe(DAY_MS);
  });

  it("is a whole number of ms within its bound for any seed, also one that left 32 bits", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 0, max: 2 ** 33 }), (attempt, seed) => {
        const delayMs = backoffMs(POLICY, attempt, failure({}), seed);
        expect(Number.isInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThan(POLICY.maxDelayMs);
      }),
    );
  });
});

it.each([
  ["transient", 1, true],
  ["transient", 4, true],
  ["transient", 5, false],
  ["permanent", 1, false],
  ["uncertain", 1, false],
] as const)("a %s failure of attempt %i of 5 is tried again: %s", (failureClass, attempt, again) => {
  expect(retries(POLICY, attempt, failure({ class: failureClass }))).toBe(again);
});

it.each([
  ["BUSY", "transient", true],
  ["BAD", "permanent", true],
  ["BAD", "uncertain", false],
  ["WORKER_LOST", "transient", false],
  ["ATTEMPT_TIMEOUT", "transient", false],
  ["HTTP_TIMEOUT", "transient", false],
  ["HTTP_CONNECTION_RESET", "transient", false],
] as const)("the outcome of %s (%s) is known: %s", (code, failureClass, known) => {
  expect(outcomeKnown(failure({ code, class: failureClass }))).toBe(known);
});
