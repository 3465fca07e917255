// Schedules the items of a `forEach` in windows, and joins them.
import type { Failure } from "@millrace/model/failure.ts";
import { type Json, PAYLOAD_BYTES_MAX, type StepInput } from "@millrace/model/payload.ts";
import type { RunState, StepItems } from "@millrace/model/run-state.ts";
import type { Evaluated, PlanStep } from "../plan/plan.ts";
import { beginAttempt } from "./attempts.ts";
import { stepIsReadable } from "./blobs.ts";
import { askToAdvance, type Decision, emit, faultStep, spend, spent, wholeStep } from "./decision.ts";
import { inputOf } from "./evaluate-input.ts";
import { hasRoom, nextItem } from "./readiness.ts";
import { RunScope } from "./scope.ts";
import { itemsOf } from "./task-state.ts";

/** Records the list and opens the first window. An empty list joins at once. */
export function fanOut(decision: Decision, run: RunState, step: PlanStep, list: Evaluated<readonly Json[]>): void {
  if (list.type === "failed") return faultStep(decision, run, wholeStep(step), list.failure);
  for (const text of list.value) spend(decision, text);
  emit(decision, { type: "step-fanned-out", runId: run.runId, step: step.index, items: list.value });
  const items = itemsOf(run, step.index);
  if (items !== undefined) scheduleItems(decision, run, step, items);
}

/**
 * Fills the window: at most `maxConcurrency` items are open. Joins when all are completed; fails as soon as the outputs
 * so far are more than can be handed on as a list (I9).
 */
export function scheduleItems(decision: Decision, run: RunState, step: PlanStep, items: StepItems): void {
  if (1 + items.outputBytes > PAYLOAD_BYTES_MAX) return faultStep(decision, run, wholeStep(step), listTooLarge(step));
  if (items.completed === items.items.length) {
    emit(decision, { type: "step-joined", runId: run.runId, step: step.index });
    return;
  }
  while (hasRoom(run, step, items)) {
    if (spent(decision)) return askToAdvance(decision, run);
    const item = nextItem(items);
    if (items.tasks[item] == null && !stepIsReadable(decision, run, step, step.attemptReads)) return;
    const input = firstInput(decision, run, step, item);
    if (input?.type === "failed") return faultStep(decision, run, { step: step.index, item }, input.failure);
    const before = decision.events.length;
    beginAttempt(decision, run, step, { item, attempt: 1, input: input === null ? null : input.value });
    // A child may have to wait, or fail its step.
    if (decision.events.length === before || run.endedMs !== 0) return;
  }
}

function listTooLarge(step: PlanStep): Failure {
  return {
    code: "PAYLOAD_TOO_LARGE",
    class: "permanent",
    message: `The outputs of the items of ${step.name} have more than ${PAYLOAD_BYTES_MAX} bytes together.`,
    guidance: "Let each item return less, e.g. a reference to where its result is stored.",
    retryAfterMs: 0,
  };
}

/** The input of an item that begins; null for one given up in an earlier epoch, whose recorded input stands. */
function firstInput(decision: Decision, run: RunState, step: PlanStep, item: number): Evaluated<StepInput> | null {
  const items = itemsOf(run, step.index);
  if (items === undefined || items.tasks[item] != null) return null;
  const text = items.items[item];
  if (text === undefined) throw new Error(`Step ${step.name} of run ${run.runId} has no item ${item}.`);
  const input = inputOf(step.input, new RunScope(run, decision.blobText, text, item));
  if (input.type === "value" && typeof input.value !== "number") spend(decision, input.value);
  return input;
}
