// A run's state and definition as a timeline. Pure: what is live comes in as a function, what time it is as a number.
import type { Definition, StepDefinition } from "@millrace/model/definition.ts";
import type { PassedPayload } from "@millrace/model/payload.ts";
import type { FailedAttempt, RunState, StepItems, StepState, TaskState } from "@millrace/model/run-state.ts";
import type { TaskToken } from "@millrace/model/task.ts";
import { type Attempt, StepStatus, type TimelineStep } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import type { LiveAttempt } from "../tasks/task-hub.ts";
import { failureMessage, NO_BYTES, timeMessage } from "./messages.ts";
import { newestFailure } from "./run-message.ts";
import { followInput, outputOf, type PayloadTexts } from "./run-payloads.ts";

/** What a timeline needs beside the run. */
export interface TimelineSources {
  readonly definition: Definition;
  readonly nowMs: number;
  /** What is known of an attempt in a worker's hands. */
  readonly live: (token: TaskToken) => LiveAttempt | undefined;
  /** null = leave out payloads and logs. */
  readonly texts: PayloadTexts | null;
}

/** Its steps in topological order, each forEach step followed by its items. */
export function timeline(run: RunState, sources: TimelineSources): TimelineStep[] {
  const steps: TimelineStep[] = [];
  for (const [ordinal, step] of run.steps.entries()) {
    const definition = sources.definition.steps[ordinal];
    if (definition === undefined) continue;
    const place: Place = { run, sources, definition, ordinal, item: -1 };
    steps.push(stepMessage(place, step));
    if (!("tasks" in step)) continue;
    for (const [item, task] of step.tasks.entries()) {
      const itemPlace = { ...place, item };
      steps.push(task === null ? blank(itemPlace, StepStatus.PENDING) : taskMessage(itemPlace, task));
    }
  }
  return steps;
}

/** Which step or item a message is about. */
interface Place {
  readonly run: RunState;
  readonly sources: TimelineSources;
  readonly definition: StepDefinition;
  readonly ordinal: number;
  readonly item: number;
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
        output: bytes(place, step.output),
      };
    case "faulted":
      return {
        ...blank(place, StepStatus.FAILED),
        scheduleTime: timeMessage(step.sinceMs),
        endTime: timeMessage(step.endedMs),
        failure: failureMessage(step.failure),
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
  const message = {
    ...blank(place, StepStatus.RUNNING),
    scheduleTime: timeMessage(step.sinceMs),
    endTime: timeMessage(step.endedMs),
    itemsTotal: step.tasks.length,
    itemsCompleted: step.completed,
  };
  if (step.status === "joined")
    return { ...message, status: StepStatus.COMPLETED, output: bytes(place, outputOf(step)) };
  if (step.status === "items-failed") {
    const failed = step.tasks.find((task) => task?.status === "failed");
    const failure = failed?.status === "failed" ? failureMessage(failed.failure) : undefined;
    return { ...message, status: StepStatus.FAILED, failure };
  }
  if (place.run.endedMs === 0) return message;
  return { ...message, status: StepStatus.ABANDONED, endTime: timeMessage(step.endedMs || place.run.endedMs) };
}

function taskMessage(place: Place, task: TaskState): TimelineStep {
  const { run, sources, ordinal, item } = place;
  const log = task.log;
  const message: TimelineStep = {
    ...blank(place, StepStatus.UNSPECIFIED),
    scheduleTime: timeMessage(task.firstScheduledMs),
    attempts: task.attempt,
    maxAttempts: place.definition.retry.maxAttempts,
    input: bytes(place, followInput(run, sources.definition, { step: ordinal, item, input: task.input })),
    failedAttempts: log === null ? [] : [log.first, ...log.recent].map((attempt) => attemptMessage(place, attempt)),
    errors: log === null ? [] : log.errors.map(({ code, message: text, count }) => ({ code, message: text, count })),
  };
  switch (task.status) {
    case "scheduled":
      return { ...message, ...scheduledFields(place, task) };
    case "backoff": {
      const failure = newestFailure(task);
      return {
        ...message,
        status: StepStatus.RETRYING,
        dueTime: timeMessage(task.retryAtMs),
        failure: failure === null ? undefined : failureMessage(failure),
      };
    }
    case "completed":
      return {
        ...message,
        status: StepStatus.COMPLETED,
        startTime: timeMessage(task.startedMs),
        endTime: timeMessage(task.endedMs),
        queueMs: between(task.scheduledMs, task.startedMs),
        runMs: between(task.startedMs, task.endedMs),
        worker: task.worker,
        output: bytes(place, task.output),
        logs: bytes(place, task.logs),
      };
    case "failed": {
      const last = log === null ? undefined : (log.recent.at(-1) ?? log.first);
      return {
        ...message,
        status: StepStatus.FAILED,
        startTime: timeMessage(last?.startedMs ?? 0),
        endTime: timeMessage(task.endedMs),
        queueMs: last === undefined ? 0 : between(last.scheduledMs, last.startedMs),
        runMs: last === undefined ? 0 : between(last.startedMs, last.endedMs),
        worker: last?.worker ?? "",
        failure: failureMessage(task.failure),
        logs: bytes(place, last?.logs),
      };
    }
    case "abandoned": {
      const failure = newestFailure(task);
      return {
        ...message,
        status: StepStatus.ABANDONED,
        endTime: timeMessage(task.endedMs),
        failure: failure === null ? undefined : failureMessage(failure),
      };
    }
  }
}

/** An attempt that is owed: running if a worker here has it, else it waits for one. */
function scheduledFields(place: Place, task: Extract<TaskState, { status: "scheduled" }>): Partial<TimelineStep> {
  const { run, sources, ordinal, item } = place;
  const { attempt } = task;
  const live = sources.live({ runId: run.runId, epoch: run.epoch, step: ordinal, item, attempt });
  const failure = newestFailure(task);
  const shared = { failure: failure === null ? undefined : failureMessage(failure) };
  if (live === undefined) {
    return { ...shared, status: StepStatus.QUEUED, queueMs: between(task.scheduledMs, sources.nowMs) };
  }
  return {
    ...shared,
    status: StepStatus.RUNNING,
    startTime: timeMessage(live.startedMs),
    queueMs: between(task.scheduledMs, live.startedMs),
    runMs: between(live.startedMs, sources.nowMs),
    worker: live.worker,
    progress: bytes(place, live.progress),
  };
}

function attemptMessage(place: Place, attempt: FailedAttempt): Attempt {
  return {
    attempt: attempt.attempt,
    scheduleTime: timeMessage(attempt.scheduledMs),
    startTime: timeMessage(attempt.startedMs),
    endTime: timeMessage(attempt.endedMs),
    worker: attempt.worker,
    failure: failureMessage(attempt.failure),
    logs: bytes(place, attempt.logs),
  };
}

function bytes(place: Place, shown: PassedPayload | null | undefined): Buffer {
  return place.sources.texts === null ? NO_BYTES : place.sources.texts.bytes(shown);
}

/** How long it took; 0 when one end is unknown or clocks disagree. */
function between(fromMs: number, untilMs: number): number {
  return fromMs === 0 || untilMs < fromMs ? 0 : untilMs - fromMs;
}

function blank(place: Place, status: StepStatus): TimelineStep {
  return {
    step: place.definition.name,
    item: place.item + 1,
    uses: place.definition.uses,
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
  };
}
