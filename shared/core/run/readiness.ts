// Which steps and items of a run may begin now: questions to the state alone.
import type { RunState, StepItems, StepState } from "@millrace/model/run-state.ts";
import type { Plan, PlanStep } from "../plan/plan.ts";
import { hasChildRoom } from "./open-children.ts";

/** The state of every step before it is touched; shared, since it is never written. */
export const PENDING: StepState = { status: "pending" };

/** Whether a step may begin: untouched (or given up in an earlier epoch), everything it needs is settled, and it has room. */
export function isReady(run: RunState, step: PlanStep): boolean {
  const status = run.steps[step.index]?.status;
  if (status !== "pending" && status !== "abandoned") return false;
  for (const need of step.needs) if (!isSettled(run, need)) return false;
  return mayBegin(run, step);
}

/** Whether there is room for an attempt of the step: of children a run has only so many under way. */
export function mayBegin(run: RunState, step: PlanStep): boolean {
  return step.child === null || hasChildRoom(run);
}

/** Whether a step is over and its dependants may look at it. */
export function isSettled(run: RunState, step: number): boolean {
  switch (run.steps[step]?.status) {
    case "completed":
    case "done":
    case "joined":
    case "skipped":
      return true;
    default:
      return false;
  }
}

/** Whether `advance` has work that nothing else will trigger. */
export function isSchedulable(run: RunState, plan: Plan): boolean {
  if (run.status !== "running") return false;
  // Its output waits for texts of blobs.
  if (run.openSteps === 0) return true;
  return plan.steps.some((step) => {
    const state = run.steps[step.index];
    return state?.status === "fanned-out" ? hasRoom(run, step, state) : isReady(run, step);
  });
}

/** Whether a `forEach` step's window has room and an item to put there. */
export function hasRoom(run: RunState, step: PlanStep, items: StepItems): boolean {
  return items.open < step.maxConcurrency && mayBegin(run, step) && nextItem(items) >= 0;
}

/** The first item from `next` that is to be scheduled: never touched, or given up in an earlier epoch; -1 = none. */
export function nextItem(items: StepItems): number {
  for (let item = items.next; item < items.tasks.length; item++) {
    const task = items.tasks[item];
    if (task == null || task.status === "abandoned") return item;
  }
  return -1;
}
