// Schedules the items of a `forEach` in windows, and joins them.
import { type Json } from "@millrace/model/payload.ts";
import type { RunState, StepItems } from "@millrace/model/run-state.ts";
import type { Evaluated, PlanStep } from "../plan/plan.ts";
import { inputOf } from "./advance.ts";
import { type Decision, emit, faultStep, spend, spent } from "./decision.ts";
import { RunScope } from "./scope.ts";
import { itemsOf } from "./task-state.ts";

/** Records the list and opens the first window. An empty list joins at once. */
export function fanOut(decision: Decision, run: RunState, step: PlanStep, list: Evaluated<readonly Json[]>): void {
  if (list.type === "failed") return faultStep(decision, run, step.index, list.failure);
  for (const text of list.value) spend(decision, text);
  emit(decision, { type: "step-fanned-out", runId: run.runId, step: step.index, items: list.value });
  const items = itemsOf(run, step.index);
  if (items !== undefined) scheduleItems(decision, run, step, items);
}

/** Fills the window: at most `maxConcurrency` items are open. Joins when all are completed. */
export function scheduleItems(decision: Decision, run: RunState, step: PlanStep, items: StepItems): void {
  if (items.completed === items.items.length) {
    emit(decision, { type: "step-joined", runId: run.runId, step: step.index });
    return;
  }
  while (hasRoom(step, items)) {
    if (spent(decision)) {
      decision.reactions.push({ type: "advance", runId: run.runId });
      return;
    }
    const item = nextItem(items);
    if (item < 0) return;
    const before = items.tasks[item];
    const input = before == null ? itemInput(decision, run, step, items, item) : null;
    if (input !== null && input.type === "failed") return faultStep(decision, run, step.index, input.failure);
    emit(decision, {
      type: "step-scheduled",
      runId: run.runId,
      step: step.index,
      item,
      attempt: 1,
      input: input === null ? null : input.value,
    });
  }
}

/** Whether the window has room and an item to put there. */
export function hasRoom(step: PlanStep, items: StepItems): boolean {
  return items.open < step.maxConcurrency && nextItem(items) >= 0;
}

/** The first item from `next` that is to be scheduled: never touched, or given up in an earlier epoch. */
function nextItem(items: StepItems): number {
  for (let item = items.next; item < items.tasks.length; item++) {
    const task = items.tasks[item];
    if (task == null || task.status === "abandoned") return item;
  }
  return -1;
}

function itemInput(decision: Decision, run: RunState, step: PlanStep, items: StepItems, item: number) {
  const text = items.items[item];
  if (text === undefined) throw new Error(`Step ${step.name} of run ${run.runId} has no item ${item}.`);
  const input = inputOf(step.input, new RunScope(run, decision.blobText, text, item));
  if (input.type === "value" && typeof input.value !== "number") spend(decision, input.value);
  return input;
}
