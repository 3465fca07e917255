// When a run next wants `timer-due`, from state alone.
import type { RunState, StepState, TaskState } from "@millrace/model/run-state.ts";
import type { Plan, PlanStep } from "../plan/plan.ts";
import { mayBegin } from "./readiness.ts";

const NEVER = Number.POSITIVE_INFINITY;

/** Epoch ms, later than `afterMs`; 0 = never. */
export function nextDueMs(run: RunState, plan: Plan, afterMs = 0): number {
  if (run.endedMs !== 0) return 0;
  if (run.status === "cancelling") return run.cancelDeadlineMs;
  let dueMs = NEVER;
  dueTimes(run, plan, (atMs) => {
    if (atMs > afterMs && atMs < dueMs) dueMs = atMs;
  });
  return dueMs === NEVER ? 0 : dueMs;
}

/** Visits when the run as a whole and each of its steps want `timer-due` next. */
export function dueTimes(run: RunState, plan: Plan, visit: (atMs: number) => void): void {
  if (plan.timeoutMs > 0) visit(run.epochStartedMs + plan.timeoutMs);
  for (const step of plan.steps) {
    const state = run.steps[step.index];
    const atMs = state === undefined ? NEVER : stepDueMs(run, step, state);
    if (atMs !== NEVER) visit(atMs);
  }
}

function stepDueMs(run: RunState, step: PlanStep, state: StepState): number {
  switch (state.status) {
    case "sleeping":
      return state.untilMs;
    case "waiting":
      return state.deadlineMs > 0 ? state.deadlineMs : NEVER;
    case "scheduled":
    case "backoff":
      return Math.min(timeoutAt(step, state.firstScheduledMs), retryAt(run, step, state));
    case "fanned-out":
      return state.tasks.reduce(
        (dueMs, task) => (task === null ? dueMs : Math.min(dueMs, retryAt(run, step, task))),
        timeoutAt(step, state.sinceMs),
      );
    default:
      return NEVER;
  }
}

function timeoutAt(step: PlanStep, sinceMs: number): number {
  return step.stepTimeoutMs > 0 ? sinceMs + step.stepTimeoutMs : NEVER;
}

/** Retries wait while a run is paused, and for the end of a child when many are under way; both look for them. */
function retryAt(run: RunState, step: PlanStep, task: TaskState): number {
  return task.status === "backoff" && run.status === "running" && mayBegin(run, step) ? task.retryAtMs : NEVER;
}
