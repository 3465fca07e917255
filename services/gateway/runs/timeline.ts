// Steps and items of a run as messages. Pure: what is live comes in as a function, what time it is as a number.
import type { Definition, StepDefinition } from "@millrace/model/definition.ts";
import type { Failure } from "@millrace/model/failure.ts";
import type { FailedAttempt, RunState, StepItems, StepState, TaskState } from "@millrace/model/run-state.ts";
import { failureMessage } from "@millrace/rpc/failure-message.ts";
import type { Failure as FailureMessage } from "@millrace/rpc/generated/millrace/v1/failures.ts";
import { type Attempt, type Omitted, StepStatus, type TimelineStep } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import type { FailureTexts } from "./failure-texts.ts";
import { nothingLeftOut, omittedMessage, type PayloadField } from "./left-out.ts";
import { NO_BYTES, timeMessage } from "./messages.ts";
import { newestFailure } from "./run-message.ts";
import { followInput, outputOf, type PayloadTexts, type Shown } from "./run-payloads.ts";
import { between, type FindLive, itemCounts, standingOf, type TaskStanding } from "./task-standing.ts";
import { itemsOf, type TimelineRow } from "./timeline-rows.ts";

/** What a timeline needs beside the run. */
export interface TimelineSources {
  readonly definition: Definition;
  readonly nowMs: number;
  readonly live: FindLive;
  readonly payloads: PayloadTexts;
  readonly failures: FailureTexts;
}

/** A step or item as a message. */
export function rowMessage(run: RunState, sources: TimelineSources, row: TimelineRow): TimelineStep {
  const definition = sources.definition.steps[row.step];
  const state = run.steps[row.step];
  if (definition === undefined || state === undefined) throw new Error(`Run ${run.runId} has no step ${row.step}.`);
  const left = nothingLeftOut();
  left.items = row.itemsLeftOut;
  const place: Place = { run, sources, definition, row, left };
  const message =
    row.item < 0 ? stepMessage(place, state) : itemMessage(place, itemsOf(run, row.step)?.tasks[row.item] ?? null);
  return { ...message, omitted: omittedMessage(left) };
}

/** What {@link rowMessage} shows of a step or item that may be a blob. */
export function* rowPayloads(
  run: RunState,
  definition: Definition,
  { step, item }: TimelineRow,
): Generator<Shown | null> {
  const state = run.steps[step];
  const task = item < 0 ? state : itemsOf(run, step)?.tasks[item];
  if (task === undefined || task === null) return;
  if (task.status === "done" || task.status === "joined") yield outputOf(task);
  if (!("attempt" in task)) return;
  yield followInput(run, definition, { step, item, input: task.input });
  if (task.status === "completed") {
    yield task.output;
    yield task.logs;
  }
  if (task.log === null) return;
  yield task.log.first.logs;
  for (const attempt of task.log.recent) yield attempt.logs;
}

/** Which step or item a message is about. */
interface Place {
  readonly run: RunState;
  readonly sources: TimelineSources;
  readonly definition: StepDefinition;
  readonly row: TimelineRow;
  /** What has no room in the answer. */
  readonly left: Omitted;
}

function stepMessage(place: Place, step: StepState): TimelineStep {
  switch (step.status) {
    case "pending":
      return blank(place, StepStatus.PENDING);
    case "skipped":
      return { ...blank(place, StepStatus.SKIPPED), endTime: timeMessage(step.atMs) };
    case "done":
      return {
        ...blank(place, StepStatus.COMPLETED),
        scheduleTime: timeMessage(step.sinceMs),
        endTime: timeMessage(step.endedMs),
        output: bytes(place, "outputBytes", step.output),
      };
    case "faulted":
      return {
        ...blank(place, StepStatus.FAILED),
        scheduleTime: timeMessage(step.sinceMs),
        endTime: timeMessage(step.endedMs),
        failure: failureOf(place, step.failure),
      };
    case "sleeping":
      return waitMessage(place, StepStatus.SLEEPING, step.sinceMs, step.untilMs);
    case "waiting":
      return waitMessage(place, StepStatus.WAITING, step.sinceMs, step.deadlineMs);
    case "fanned-out":
    case "joined":
    case "items-failed":
      return itemsMessage(place, step);
    default:
      return taskMessage(place, step);
  }
}

/** A sleep or a signal that has not come: given up if the run has ended. */
function waitMessage(place: Place, status: StepStatus, sinceMs: number, dueMs: number): TimelineStep {
  const endedMs = place.run.endedMs;
  return {
    ...blank(place, endedMs > 0 ? StepStatus.ABANDONED : status),
    scheduleTime: timeMessage(sinceMs),
    endTime: timeMessage(endedMs),
    dueTime: timeMessage(endedMs > 0 ? 0 : dueMs),
  };
}

function itemsMessage(place: Place, step: StepItems): TimelineStep {
  const { endedMs } = place.run;
  const message = {
    ...blank(place, StepStatus.RUNNING),
    scheduleTime: timeMessage(step.sinceMs),
    endTime: timeMessage(step.endedMs),
    ...itemCounts(step, (task, item) => standing(place, item, task)),
  };
  if (step.status === "joined")
    return { ...message, status: StepStatus.COMPLETED, output: bytes(place, "outputBytes", outputOf(step)) };
  if (step.status === "items-failed") {
    const failed = step.tasks.find((task) => task?.status === "failed");
    const failure = failed?.status === "failed" ? failureOf(place, failed.failure) : undefined;
    return { ...message, status: StepStatus.FAILED, failure };
  }
  if (endedMs === 0) return message;
  return { ...message, status: StepStatus.ABANDONED, endTime: timeMessage(step.endedMs || endedMs) };
}

function itemMessage(place: Place, task: TaskState | null): TimelineStep {
  return task === null ? blank(place, StepStatus.PENDING) : taskMessage(place, task);
}

function taskMessage(place: Place, task: TaskState): TimelineStep {
  const { run, sources, row, left } = place;
  const { status, queueMs, live } = standing(place, row.item, task);
  const at = { step: row.step, item: row.item, input: task.input };
  const message: TimelineStep = {
    ...blank(place, status),
    scheduleTime: timeMessage(task.firstScheduledMs),
    queueMs,
    attempts: task.attempt,
    maxAttempts: place.definition.retry.maxAttempts,
    input: bytes(place, "inputBytes", followInput(run, sources.definition, at)),
    failure: failureOf(place, task.status === "failed" ? task.failure : newest(task)),
  };
  const log = sources.failures.attempts(task.log, left);
  if (log !== null) {
    message.failedAttempts = [log.first, ...log.recent].map((attempt) => attemptMessage(place, attempt));
    message.errors = log.errors.map(({ code, message: text, count }) => ({ code, message: text, count }));
  }
  switch (task.status) {
    case "scheduled":
      if (live === undefined) return message;
      return {
        ...message,
        startTime: timeMessage(live.startedMs),
        runMs: between(live.startedMs, sources.nowMs),
        worker: live.worker,
        progress: bytes(place, "progressBytes", live.progress),
      };
    case "backoff":
      return { ...message, dueTime: timeMessage(task.retryAtMs) };
    case "completed":
      return {
        ...message,
        startTime: timeMessage(task.startedMs),
        endTime: timeMessage(task.endedMs),
        runMs: between(task.startedMs, task.endedMs),
        worker: task.worker,
        output: bytes(place, "outputBytes", task.output),
        logs: bytes(place, "logsBytes", task.logs),
      };
    case "failed": {
      const last = task.log.recent.at(-1) ?? task.log.first;
      return {
        ...message,
        startTime: timeMessage(last.startedMs),
        endTime: timeMessage(task.endedMs),
        runMs: between(last.startedMs, last.endedMs),
        worker: last.worker,
        logs: bytes(place, "logsBytes", last.logs),
      };
    }
    case "abandoned":
      return { ...message, endTime: timeMessage(task.endedMs) };
  }
}

/** Of what has not ended well, the newest error. */
function newest(task: TaskState): Failure | null {
  return task.status === "completed" ? null : newestFailure(task);
}

function attemptMessage(place: Place, attempt: FailedAttempt): Attempt {
  const left = nothingLeftOut();
  return {
    attempt: attempt.attempt,
    scheduleTime: timeMessage(attempt.scheduledMs),
    startTime: timeMessage(attempt.startedMs),
    endTime: timeMessage(attempt.endedMs),
    worker: attempt.worker,
    failure: failureMessage(attempt.failure),
    logs: place.sources.payloads.bytes(attempt.logs, left, "logsBytes"),
    omitted: omittedMessage(left),
  };
}

function standing({ run, sources, row }: Place, item: number, task: TaskState): TaskStanding {
  const place = { runId: run.runId, epoch: run.epoch, step: row.step, item };
  return standingOf(task, place, sources.live, sources.nowMs);
}

function failureOf({ sources, left }: Place, failure: Failure | null): FailureMessage | undefined {
  return failure === null ? undefined : sources.failures.message(failure, left);
}

function bytes({ sources, left }: Place, field: PayloadField, shown: Shown | null): Buffer {
  return sources.payloads.bytes(shown, left, field);
}

function blank({ definition, row }: Place, status: StepStatus): TimelineStep {
  return {
    step: definition.name,
    item: row.item + 1,
    uses: definition.uses,
    status,
    scheduleTime: undefined,
    startTime: undefined,
    endTime: undefined,
    queueMs: 0,
    runMs: 0,
    worker: "",
    attempts: 0,
    maxAttempts: 0,
    input: NO_BYTES,
    output: NO_BYTES,
    failure: undefined,
    failedAttempts: [],
    errors: [],
    dueTime: undefined,
    logs: NO_BYTES,
    progress: NO_BYTES,
    itemsTotal: 0,
    itemsCompleted: 0,
    itemsFailed: 0,
    itemsRetrying: 0,
    itemsRunning: 0,
    itemsQueued: 0,
    itemsAbandoned: 0,
    omitted: undefined,
  };
}
