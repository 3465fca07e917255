// Where attempts are: in the run's state, and, of those that are owed, whether a worker here has them.
import type { StepItems, TaskState } from "@millrace/model/run-state.ts";
import type { TaskToken } from "@millrace/model/task.ts";
import { StepStatus, type TimelineStep } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import type { LiveAttempt } from "../tasks/held-tasks.ts";

/** What is known of an attempt in a worker's hands. */
export type FindLive = (token: TaskToken) => LiveAttempt | undefined;

/** A step or item whose attempts are looked for. */
export type TaskPlace = Omit<TaskToken, "attempt">;

export interface TaskStanding {
  readonly status: StepStatus;
  /** How long its last attempt waited for a worker, ms. */
  readonly queueMs: number;
  /** Its attempt in a worker's hands. */
  readonly live: LiveAttempt | undefined;
}

/** `task` is null for an item that was never scheduled. */
export function standingOf(task: TaskState | null, place: TaskPlace, live: FindLive, nowMs: number): TaskStanding {
  switch (task?.status) {
    case undefined:
      return at(StepStatus.PENDING);
    case "scheduled": {
      const held = live({ ...place, attempt: task.attempt });
      if (held === undefined) return at(StepStatus.QUEUED, between(task.scheduledMs, nowMs));
      return { status: StepStatus.RUNNING, queueMs: between(task.scheduledMs, held.startedMs), live: held };
    }
    case "backoff":
      return at(StepStatus.RETRYING);
    case "completed":
      return at(StepStatus.COMPLETED, between(task.scheduledMs, task.startedMs));
    case "failed": {
      const last = task.log.recent.at(-1) ?? task.log.first;
      return at(StepStatus.FAILED, between(last.scheduledMs, last.startedMs));
    }
    case "abandoned":
      return at(StepStatus.ABANDONED);
  }
}

/** What the row of a forEach step says of its items, however many of them have rows of their own. */
export type ItemCounts = Pick<
  TimelineStep,
  | "itemsTotal"
  | "itemsCompleted"
  | "itemsFailed"
  | "itemsRetrying"
  | "itemsRunning"
  | "itemsQueued"
  | "itemsAbandoned"
  | "attempts"
  | "queueMs"
>;

export function itemCounts(step: StepItems, standing: (task: TaskState, item: number) => TaskStanding): ItemCounts {
  const counts = new Map<StepStatus, number>();
  let attempts = 0;
  let queueMs = 0;
  for (const [item, task] of step.tasks.entries()) {
    if (task === null) continue;
    const stands = standing(task, item);
    counts.set(stands.status, (counts.get(stands.status) ?? 0) + 1);
    attempts += task.attempt;
    queueMs = Math.max(queueMs, stands.queueMs);
  }
  const count = (status: StepStatus): number => counts.get(status) ?? 0;
  return {
    itemsTotal: step.tasks.length,
    itemsCompleted: count(StepStatus.COMPLETED),
    itemsFailed: count(StepStatus.FAILED),
    itemsRetrying: count(StepStatus.RETRYING),
    itemsRunning: count(StepStatus.RUNNING),
    itemsQueued: count(StepStatus.QUEUED),
    itemsAbandoned: count(StepStatus.ABANDONED),
    attempts,
    queueMs,
  };
}

/** How long it took; 0 when one end is unknown or clocks disagree. */
export function between(fromMs: number, untilMs: number): number {
  return fromMs === 0 || untilMs < fromMs ? 0 : untilMs - fromMs;
}

function at(status: StepStatus, queueMs = 0): TaskStanding {
  return { status, queueMs, live: undefined };
}
