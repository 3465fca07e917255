// When a step may begin. Small and pure; asked once for each dependant of a step that was settled.
import type { StepState } from "@millrace/model/run-state.ts";
import type { Plan } from "./plan.ts";

/** Whether a step is over in a way that lets the steps that need it go on: it has an output, or was skipped. */
export function isSettled(state: StepState): boolean {
  switch (state.status) {
    case "completed":
    case "done":
    case "joined":
    case "skipped":
      return true;
    default:
      return false;
  }
}

/** Whether a step has not begun and all it needs is settled. */
export function isReady(plan: Plan, steps: readonly StepState[], step: number): boolean {
  if (steps[step]?.status !== "pending") return false;
  return needsOf(plan, step).every((need) => {
    const state = steps[need];
    return state !== undefined && isSettled(state);
  });
}

/**
 * Whether a ready step is skipped without asking its `if`: it needs steps, and every one of them was skipped. With only
 * some of them skipped it goes on, and their outputs are null.
 */
export function isSkippedByNeeds(plan: Plan, steps: readonly StepState[], step: number): boolean {
  const needs = needsOf(plan, step);
  return needs.length > 0 && needs.every((need) => steps[need]?.status === "skipped");
}

function needsOf(plan: Plan, step: number): readonly number[] {
  const planned = plan.steps[step];
  if (planned === undefined) throw new Error(`The plan has no step ${step}.`);
  return planned.needs;
}
