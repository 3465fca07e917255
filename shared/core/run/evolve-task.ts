// How events of attempts change a task's state.
import type { RunId } from "@millrace/model/ids.ts";
import type { AttemptCancelled, AttemptFailed, StepCompleted, StepScheduled } from "@millrace/model/run-events.ts";
import type { AttemptLog, FailedAttempt, RunState, TaskScheduled, TaskState } from "@millrace/model/run-state.ts";
import { itemCompleted } from "./evolve-items.ts";
import { childOf } from "./open-children.ts";
import { itemsOf, setTask, taskOf } from "./task-state.ts";

/** The newest failed attempts kept beside the first one (DESIGN §5). */
const RECENT_ATTEMPTS_MAX = 10;
/** The newest distinct errors counted. */
const DISTINCT_ERRORS_MAX = 10;

export function stepScheduled(run: RunState, event: StepScheduled, atMs: number): void {
  const before = taskOf(run, event.step, event.item);
  // A task that was given up in an earlier epoch keeps its key: whether it took effect is unknown (I3).
  const keyEpoch = before === undefined ? run.epoch : before.keyEpoch;
  const input = event.input ?? before?.input;
  if (input === undefined) throw new Error(`First attempt of step ${event.step} of run ${run.runId} has no input.`);
  setTask(run, event.step, event.item, {
    status: "scheduled",
    attempt: event.attempt,
    keyEpoch,
    input,
    firstScheduledMs: before === undefined || before.status === "abandoned" ? atMs : before.firstScheduledMs,
    scheduledMs: atMs,
    log: before?.log ?? null,
  });
  run.openAttempts++;
  if (event.item >= 0 && before?.status !== "backoff") {
    const items = itemsOf(run, event.step);
    if (items !== undefined) {
      items.open++;
      items.next = event.item + 1;
    }
  }
}

export function stepCompleted(run: RunState, event: StepCompleted, atMs: number): void {
  const task = scheduled(run, event.step, event.item);
  setTask(run, event.step, event.item, {
    status: "completed",
    attempt: event.attempt,
    keyEpoch: task.keyEpoch,
    input: task.input,
    firstScheduledMs: task.firstScheduledMs,
    scheduledMs: task.scheduledMs,
    startedMs: event.startedMs,
    endedMs: atMs,
    worker: event.worker,
    output: event.output,
    logs: event.logs,
    log: task.log,
  });
  run.openAttempts--;
  if (event.item < 0) run.openSteps--;
  else itemCompleted(run, event.step, event.output);
}

export function attemptFailed(run: RunState, event: AttemptFailed, atMs: number): void {
  const task = scheduled(run, event.step, event.item);
  const log = logged(task.log, {
    attempt: event.attempt,
    scheduledMs: task.scheduledMs,
    startedMs: event.startedMs,
    endedMs: atMs,
    worker: event.worker,
    failure: event.failure,
    logs: event.logs,
  });
  const { attempt, keyEpoch, input, firstScheduledMs } = task;
  const next: TaskState =
    event.retryAtMs > 0
      ? { status: "backoff", attempt, keyEpoch, input, firstScheduledMs, retryAtMs: event.retryAtMs, log }
      : { status: "failed", attempt, keyEpoch, input, firstScheduledMs, endedMs: atMs, failure: event.failure, log };
  setTask(run, event.step, event.item, next);
  run.openAttempts--;
  if (event.item >= 0 && event.retryAtMs === 0) closeItem(run, event.step, atMs);
}

export function attemptCancelled(run: RunState, event: AttemptCancelled, atMs: number): void {
  const task = scheduled(run, event.step, event.item);
  setTask(run, event.step, event.item, abandoned(task, atMs, childOf(run, event.step, event.item)));
  run.openAttempts--;
  const items = event.item >= 0 ? itemsOf(run, event.step) : undefined;
  if (items !== undefined) items.open--;
}

/** The state of a task nobody waits for any more. */
export function abandoned(task: TaskScheduled, atMs: number, child: RunId | null): TaskState {
  return {
    status: "abandoned",
    attempt: task.attempt,
    keyEpoch: task.keyEpoch,
    input: task.input,
    firstScheduledMs: task.firstScheduledMs,
    endedMs: atMs,
    log: task.log,
    child,
  };
}

function closeItem(run: RunState, step: number, atMs: number): void {
  const items = itemsOf(run, step);
  if (items === undefined) return;
  items.open--;
  items.status = "items-failed";
  items.endedMs = atMs;
}

function scheduled(run: RunState, step: number, item: number): TaskScheduled {
  const task = taskOf(run, step, item);
  if (task?.status !== "scheduled") throw new Error(`Step ${step} item ${item} of run ${run.runId} is not scheduled.`);
  return task;
}

function logged(log: AttemptLog | null, attempt: FailedAttempt): AttemptLog {
  const { code, message } = attempt.failure;
  if (log === null) return { first: attempt, recent: [], errors: [{ code, message, count: 1 }] };
  log.recent.push(attempt);
  if (log.recent.length > RECENT_ATTEMPTS_MAX) log.recent.shift();
  const known = log.errors.find((error) => error.code === code && error.message === message);
  if (known !== undefined) known.count++;
  else log.errors.push({ code, message, count: 1 });
  if (log.errors.length > DISTINCT_ERRORS_MAX) log.errors.shift();
  return log;
}
