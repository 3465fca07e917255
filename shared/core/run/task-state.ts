// Where the state of one task (a step, or one item of a step) lives in a run's state.
import type { RunState, StepItems, TaskState } from "@millrace/model/run-state.ts";

/** The items of a `forEach` step, if it has been fanned out. */
export function itemsOf(run: RunState, step: number): StepItems | undefined {
  const state = run.steps[step];
  return state !== undefined && "tasks" in state ? state : undefined;
}

/** The task of a step (`item` -1) or item; undefined if it was never scheduled. */
export function taskOf(run: RunState, step: number, item: number): TaskState | undefined {
  const state = run.steps[step];
  if (state === undefined) return undefined;
  if (item < 0) return "keyEpoch" in state ? state : undefined;
  return "tasks" in state ? (state.tasks[item] ?? undefined) : undefined;
}

/** Replaces a task's state. */
export function setTask(run: RunState, step: number, item: number, task: TaskState): void {
  if (item < 0) {
    run.steps[step] = task;
    return;
  }
  const items = itemsOf(run, step);
  if (items === undefined) throw new Error(`Step ${step} of run ${run.runId} has no items.`);
  items.tasks[item] = task;
}
