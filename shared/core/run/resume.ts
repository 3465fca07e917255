// What is still owed to the world, from state alone: for whoever takes over, loads a passive run, or resumes one.
import type { Reaction } from "@millrace/model/reaction.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import type { Plan } from "../plan/plan.ts";
import { nextDueMs } from "./due.ts";
import { isSchedulable } from "./readiness.ts";

/** Adds everything a live run is owed: its tasks, its next timer, and the scheduling a budget cut short. */
export function resume(run: RunState, plan: Plan, reactions: Reaction[]): void {
  if (run.endedMs !== 0) return;
  if (run.status === "running") owedTasks(run, plan, reactions);
  if (run.status === "cancelling") reactions.push({ type: "withdraw", runId: run.runId, cancel: true });
  owedTimer(run, plan, reactions);
  if (isSchedulable(run, plan)) reactions.push({ type: "advance", runId: run.runId });
}

/** How many attempts are owed to or held by workers. */
export function tasksOpen({ openAttempts, children }: RunState): number {
  return children === null ? openAttempts : openAttempts - children.length;
}

/** Adds the run's next timer later than `afterMs`, if it wants one. */
export function owedTimer(run: RunState, plan: Plan, reactions: Reaction[], afterMs = 0): void {
  const dueMs = nextDueMs(run, plan, afterMs);
  if (dueMs > 0) reactions.push({ type: "timer", runId: run.runId, atMs: dueMs });
}

/**
 * Adds a dispatch for every attempt whose result is not recorded. A dispatcher that knows the task ignores it. Children are
 * owed nothing by the run: its messages wait where they were journaled.
 */
export function owedTasks(run: RunState, plan: Plan, reactions: Reaction[]): void {
  if (tasksOpen(run) === 0) return;
  const { runId, epoch } = run;
  for (let step = 0; step < run.steps.length; step++) {
    const state = run.steps[step];
    if (state === undefined || plan.steps[step]?.kind === "workflow") continue;
    if (state.status === "scheduled")
      reactions.push({ type: "dispatch", runId, epoch, step, item: -1, attempt: state.attempt });
    else if ("tasks" in state)
      for (let item = 0; item < state.tasks.length; item++) {
        const task = state.tasks[item];
        if (task?.status === "scheduled")
          reactions.push({ type: "dispatch", runId, epoch, step, item, attempt: task.attempt });
      }
  }
}
