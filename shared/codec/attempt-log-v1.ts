// The failed attempts of a task, and times, as version 1 of a run's state has them.
import { workerName } from "@millrace/model/ids.ts";
import type { AttemptLog, ErrorCount, FailedAttempt } from "@millrace/model/run-state.ts";
import { CodecError, failureValue, nullablePayloadValue, type Value, type ValueReader } from "./values.ts";

export function logValue(log: AttemptLog | null, base: number): Value {
  if (log === null) return null;
  const attempts = [log.first, ...log.recent].map((attempt) => [
    attempt.attempt,
    attempt.scheduledMs - base,
    distance(attempt.startedMs, base),
    attempt.endedMs - base,
    attempt.worker,
    failureValue(attempt.failure),
    nullablePayloadValue(attempt.logs),
  ]);
  return [attempts, log.errors.map((error) => [error.code, error.message, error.count])];
}

export function someLog(from: ValueReader, base: number): AttemptLog {
  const log = readLog(from, base);
  if (log === null) throw new CodecError("A failed task has no attempts.");
  return log;
}

export function readLog(from: ValueReader, base: number): AttemptLog | null {
  if (from.isNull()) return null;
  const parts = from.list();
  const attempts = parts.list();
  const first = readAttempt(attempts.list(), base);
  const recent: FailedAttempt[] = [];
  while (!attempts.done) recent.push(readAttempt(attempts.list(), base));
  const errors: ErrorCount[] = [];
  const counts = parts.list();
  while (!counts.done) {
    const error = counts.list();
    errors.push({ code: error.string(), message: error.string(), count: error.number() });
  }
  return { first, recent, errors };
}

function readAttempt(from: ValueReader, base: number): FailedAttempt {
  return {
    attempt: from.number(),
    scheduledMs: from.number() + base,
    startedMs: instant(from, base),
    endedMs: from.number() + base,
    worker: workerName(from.string()),
    failure: from.failure(),
    logs: from.nullablePayload(),
  };
}

/** A time as its distance from another one; 0 stands for "never" and is null. */
export function distance(ms: number, base: number): Value {
  return ms === 0 ? null : ms - base;
}

export function instant(from: ValueReader, base: number): number {
  return from.isNull() ? 0 : from.number() + base;
}
