// How a run ends and opens its next epoch.
import type { CancelRequested, RunEnded, RunRetried } from "@millrace/model/run-events.ts";
import type { RunState, StepItems, StepState, TaskState } from "@millrace/model/run-state.ts";
import { outcomeKnown } from "../retry/backoff.ts";
import { abandoned } from "./evolve-task.ts";
import { childOf } from "./open-children.ts";
import { PENDING } from "./readiness.ts";
import { stateBytesOf } from "./state-size.ts";

export function cancelRequested(run: RunState, event: CancelRequested): void {
  run.status = "cancelling";
  run.reason = event.reason;
  run.cancelDeadlineMs = event.deadlineMs;
}

/**
 * How many retries are remembered for de-duplication: people and bulk operations retry a run a few times, and whoever
 * repeats a call does so before a hundred others were made.
 */
export const RETRIES_KEPT_MAX = 100;

/** Attempts under way are given up: whether they took effect is unknown from here. */
export function ended(run: RunState, event: RunEnded, atMs: number): void {
  run.status = event.status;
  run.output = event.output;
  run.failure = event.failure;
  run.reason = event.reason;
  run.endedMs = atMs;
  run.cancelDeadlineMs = 0;
  if (run.openAttempts === 0) return;
  for (let step = 0; step < run.steps.length; step++) {
    const state = run.steps[step];
    if (state === undefined) continue;
    if (state.status === "scheduled") run.steps[step] = abandoned(state, atMs, childOf(run, step, -1));
    else if ("tasks" in state) abandonItems(run, step, state, atMs);
  }
  run.openAttempts = 0;
}

function abandonItems(run: RunState, step: number, items: StepItems, atMs: number): void {
  for (let item = 0; item < items.tasks.length; item++) {
    const task = items.tasks[item];
    if (task?.status !== "scheduled") continue;
    items.tasks[item] = abandoned(task, atMs, childOf(run, step, item));
    items.open--;
  }
}

/** Keeps what is settled; everything else starts over, with a new idempotency key where the outcome is known (I3). */
export function retried(run: RunState, event: RunRetried, atMs: number): void {
  run.status = "running";
  run.epoch = event.epoch;
  run.output = null;
  run.failure = null;
  run.reason = "";
  run.endedMs = 0;
  run.epochStartedMs = atMs;
  remember(run, event);
  run.children = null;
  for (let step = 0; step < run.steps.length; step++) {
    const state = run.steps[step];
    if (state !== undefined) run.steps[step] = reopened(state, atMs);
  }
  run.stateBytes = stateBytesOf(run);
}

function remember(run: RunState, { requestId, epoch }: RunRetried): void {
  if (requestId === "") return;
  run.retries.push({ requestId, epoch });
  if (run.retries.length > RETRIES_KEPT_MAX) run.retries.shift();
}

function reopened(state: StepState, atMs: number): StepState {
  switch (state.status) {
    case "faulted":
    // The time it may wait counts from its epoch; a signal it did not take still waits for it.
    case "waiting":
      return PENDING;
    case "failed":
    case "backoff":
      return reopenedTask(state, atMs) ?? PENDING;
    case "fanned-out":
    case "items-failed":
      reopenItems(state, atMs);
      return state;
    default:
      return state;
  }
}

function reopenItems(items: StepItems, atMs: number): void {
  items.status = "fanned-out";
  // Its time-out counts from its epoch.
  items.sinceMs = atMs;
  items.endedMs = 0;
  items.next = 0;
  items.open = 0;
  for (let item = 0; item < items.tasks.length; item++) {
    const task = items.tasks[item];
    if (task?.status === "failed" || task?.status === "backoff") items.tasks[item] = reopenedTask(task, atMs);
  }
}

/** A task whose last outcome is unknown keeps its key by staying `abandoned`; any other is forgotten. */
function reopenedTask(task: TaskState & { status: "failed" | "backoff" }, atMs: number): TaskState | null {
  const last = task.log.recent.at(-1) ?? task.log.first;
  if (outcomeKnown(last.failure)) return null;
  const { attempt, keyEpoch, input, firstScheduledMs, log } = task;
  return { status: "abandoned", attempt, keyEpoch, input, firstScheduledMs, endedMs: atMs, log, child: null };
}
