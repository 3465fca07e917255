// How much one run's state takes: the text of its payloads, and a fixed amount for each task, item and attempt. Kept in
// `stateBytes` as the state changes, so that a run which grows without end is stopped before it hurts others (I9).
import type { Failure } from "@millrace/model/failure.ts";
import type { Json } from "@millrace/model/payload.ts";
import type { AttemptLog, RunState, StepState, TaskState } from "@millrace/model/run-state.ts";

/**
 * The most a run may hold. It is one row of the store, encoded in one go, and a shard has room for 1 GiB of them; ten
 * `forEach` steps of 10,000 items with small results are below it.
 */
export const RUN_STATE_BYTES_MAX = 64 * 1024 * 1024;

/** What a task, an item of a list and a failed attempt take beside their text. */
const TASK_BYTES = 200;
const ITEM_BYTES = 200;
const ATTEMPT_BYTES = 200;

/** The size of a whole state, counted anew. */
export function stateBytesOf(run: RunState): number {
  let bytes = textBytes(run.input);
  for (const { payload } of run.signals) bytes += textBytes(payload);
  for (const step of run.steps) bytes += stepBytes(step);
  return bytes;
}

/** A byte a character; blobs lie elsewhere, and references to other payloads are numbers. */
export function textBytes(payload: unknown): number {
  return typeof payload === "string" ? payload.length : 0;
}

export function itemsBytes(items: readonly Json[]): number {
  let bytes = 0;
  for (const item of items) bytes += ITEM_BYTES + item.length;
  return bytes;
}

export function failureBytes({ code, message, guidance }: Failure): number {
  return code.length + message.length + guidance.length;
}

/** undefined = it was never scheduled. */
export function taskBytes(task: TaskState | undefined): number {
  if (task === undefined) return 0;
  const bytes = TASK_BYTES + textBytes(task.input) + (task.log === null ? 0 : logBytes(task.log));
  return task.status === "completed" ? bytes + textBytes(task.output) + textBytes(task.logs) : bytes;
}

function logBytes({ first, recent, errors }: AttemptLog): number {
  let bytes = ATTEMPT_BYTES + failureBytes(first.failure) + textBytes(first.logs);
  for (const { failure, logs } of recent) bytes += ATTEMPT_BYTES + failureBytes(failure) + textBytes(logs);
  for (const { code, message } of errors) bytes += code.length + message.length;
  return bytes;
}

function stepBytes(step: StepState): number {
  switch (step.status) {
    case "pending":
    case "skipped":
    case "sleeping":
    case "waiting":
      return 0;
    case "done":
      return textBytes(step.output);
    case "faulted":
      return failureBytes(step.failure);
    case "fanned-out":
    case "joined":
    case "items-failed":
      return step.tasks.reduce((bytes, task) => bytes + taskBytes(task ?? undefined), itemsBytes(step.items));
    default:
      return taskBytes(step);
  }
}
