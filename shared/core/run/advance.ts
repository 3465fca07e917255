// Begins every step whose needs are settled, follows what settles at once, and ends the run when nothing is left.
import type { RunState } from "@millrace/model/run-state.ts";
import { type PlanStep, readsOf, type Scope } from "../plan/plan.ts";
import { beginAttempt } from "./attempts.ts";
import { readable, stepIsReadable } from "./blobs.ts";
import {
  askToAdvance,
  type Decision,
  emit,
  failRun,
  faultStep,
  spend,
  spent,
  WHOLE_RUN,
  wholeStep,
} from "./decision.ts";
import { inputOf, payloadOf } from "./evaluate-input.ts";
import { fanOut, scheduleItems } from "./items.ts";
import { isReady, isSettled } from "./readiness.ts";
import { RunScope } from "./scope.ts";
import { takeSignal } from "./signals.ts";

/**
 * Looks at `candidates` (ordinals of steps that may have become ready) and at whatever they make ready. Stops when the
 * command's budget is spent and asks for `advance`. Does nothing unless the run is running.
 */
export function advance(decision: Decision, candidates: readonly number[]): void {
  const run = decision.run;
  if (run === undefined || run.status !== "running") return;
  const { plan } = decision;
  // Copied only when something settles at once: mostly nothing does.
  let queue: number[] | null = null;
  for (let next = 0; next < (queue ?? candidates).length; next++) {
    const step = plan.steps[(queue ?? candidates)[next] ?? -1];
    if (step === undefined || !isReady(run, step)) continue;
    if (spent(decision)) return askToAdvance(decision, run);
    begin(decision, run, step);
    if (run.endedMs !== 0) return;
    if (!isSettled(run, step.index)) continue;
    queue ??= [...candidates];
    queue.push(...step.dependants);
  }
  if (run.openSteps === 0) complete(decision, run);
}

/** Looks at every step, and at windows of items that may go on: after a pause, a retry or a spent budget. */
export function advanceAll(decision: Decision): void {
  const run = decision.run;
  if (run === undefined || run.status !== "running") return;
  const settled: number[] = [];
  for (const step of decision.plan.steps) {
    const state = run.steps[step.index];
    if (state?.status !== "fanned-out") continue;
    scheduleItems(decision, run, step, state);
    if (run.endedMs !== 0) return;
    if (isSettled(run, step.index)) settled.push(...step.dependants);
  }
  advance(decision, [...decision.plan.steps.map((step) => step.index), ...settled]);
}

function begin(decision: Decision, run: RunState, step: PlanStep): void {
  const state = run.steps[step.index];
  if (state?.status === "abandoned") {
    // Its condition held and its input was computed when it first began: both stand, and so does its key.
    return beginAttempt(decision, run, step, { item: -1, attempt: 1, input: null });
  }
  if (isSkippedByNeeds(run, step)) {
    emit(decision, { type: "step-skipped", runId: run.runId, step: step.index });
    return;
  }
  const scope = new RunScope(run, decision.blobText, null, -1);
  if (step.condition !== null) {
    if (!stepIsReadable(decision, run, step, step.condition.reads)) return;
    const condition = step.condition.evaluate(scope);
    if (condition.type === "failed") return faultStep(decision, run, wholeStep(step), condition.failure);
    if (!condition.value) {
      emit(decision, { type: "step-skipped", runId: run.runId, step: step.index });
      return;
    }
  }
  if (!stepIsReadable(decision, run, step, step.reads)) return;
  if (step.forEach !== null) return fanOut(decision, run, step, step.forEach.evaluate(scope));
  beginOnce(decision, run, step, scope);
}

function beginOnce(decision: Decision, run: RunState, step: PlanStep, scope: Scope): void {
  switch (step.kind) {
    case "task":
    case "workflow": {
      const input = inputOf(step.input, scope);
      if (input.type === "failed") return faultStep(decision, run, wholeStep(step), input.failure);
      if (typeof input.value !== "number") spend(decision, input.value);
      return beginAttempt(decision, run, step, { item: -1, attempt: 1, input: input.value });
    }
    case "transform":
      return transform(decision, run, step, scope);
    case "sleep":
      return sleep(decision, run, step, scope);
    case "signal":
      return waitForSignal(decision, run, step, scope);
  }
}

/** A chain behind a skipped step is skipped with it; a join runs if any of its branches ran. */
function isSkippedByNeeds(run: RunState, step: PlanStep): boolean {
  return step.needs.length > 0 && step.needs.every((need) => run.steps[need]?.status === "skipped");
}

function transform(decision: Decision, run: RunState, step: PlanStep, scope: Scope): void {
  const output = payloadOf(step.input, scope);
  if (output.type === "failed") return faultStep(decision, run, wholeStep(step), output.failure);
  spend(decision, output.value);
  emit(decision, { type: "step-evaluated", runId: run.runId, step: step.index, output: output.value });
}

function sleep(decision: Decision, run: RunState, step: PlanStep, scope: Scope): void {
  const until = step.sleepUntil?.(scope, decision.at.nowMs);
  if (until === undefined) throw new Error(`Sleep step ${step.name} has no wake-up time.`);
  if (until.type === "failed") return faultStep(decision, run, wholeStep(step), until.failure);
  emit(decision, { type: "step-sleeping", runId: run.runId, step: step.index, untilMs: until.value });
}

function waitForSignal(decision: Decision, run: RunState, step: PlanStep, scope: Scope): void {
  const name = step.signal?.evaluate(scope);
  if (name === undefined) throw new Error(`Signal step ${step.name} has no name.`);
  if (name.type === "failed") return faultStep(decision, run, wholeStep(step), name.failure);
  const deadlineMs = step.stepTimeoutMs > 0 ? decision.at.nowMs + step.stepTimeoutMs : 0;
  emit(decision, { type: "step-waiting", runId: run.runId, step: step.index, signal: name.value, deadlineMs });
  takeSignal(decision, run, step.index);
}

function complete(decision: Decision, run: RunState): void {
  const answer = readable(decision, run, readsOf(decision.plan.output));
  if (answer === "later") return;
  if (answer !== "now") return failRun(decision, run, WHOLE_RUN, answer);
  const output = inputOf(decision.plan.output, new RunScope(run, decision.blobText, null, -1));
  if (output.type === "failed") return failRun(decision, run, WHOLE_RUN, output.failure);
  emit(decision, {
    type: "run-ended",
    runId: run.runId,
    status: "completed",
    output: output.value,
    failure: null,
    reason: "",
  });
}
