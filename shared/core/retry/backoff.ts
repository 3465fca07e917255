// When a failed attempt is tried again.
import type { RetryPolicy } from "@millrace/model/definition.ts";
import type { Failure } from "@millrace/model/failure.ts";

/** The longest a third party's Retry-After is believed. */
const RETRY_AFTER_MS_MAX = 24 * 60 * 60 * 1000;

/**
 * Delay before attempt `failedAttempt + 1`, ms: exponential backoff with full jitter (a uniform draw below the bound:
 * it spreads a crowd of retries best, see "Exponential Backoff And Jitter", M. Brooker, AWS, 2015), and never earlier
 * than the third party asked for.
 */
export function backoffMs(policy: RetryPolicy, failedAttempt: number, failure: Failure, seed: number): number {
  const bound = Math.min(policy.maxDelayMs, policy.initialDelayMs * policy.multiplier ** (failedAttempt - 1));
  const jittered = Math.floor(bound * ((seed >>> 0) / 0x1_0000_0000));
  return Math.max(jittered, Math.min(failure.retryAfterMs, RETRY_AFTER_MS_MAX));
}

/** Whether there is a next attempt. Uncertain failures are never repeated without being asked. */
export function retries(policy: RetryPolicy, failedAttempt: number, failure: Failure): boolean {
  return failure.class === "transient" && failedAttempt < policy.maxAttempts;
}

/** Codes of failures that say nothing about whether the attempt took effect. */
const OUTCOME_UNKNOWN: ReadonlySet<string> = new Set([
  "ATTEMPT_TIMEOUT",
  "HTTP_CONNECTION_RESET",
  "HTTP_SERVER_ERROR",
  "HTTP_TIMEOUT",
  "STEP_TIMEOUT",
  "WORKER_ERROR",
  "WORKER_LOST",
]);

/** Whether a failed attempt is known not to have succeeded: then a retry of the run gives it a new key (I3). */
export function outcomeKnown(failure: Failure): boolean {
  return failure.class !== "uncertain" && !OUTCOME_UNKNOWN.has(failure.code);
}
