// Begins every step whose needs are settled, follows what settles at once, and ends the run when nothing is left.
import { ITEM_INPUT, type Payload, RUN_INPUT, type StepInput, WRITTEN_INPUT } from "@millrace/model/payload.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import type { Evaluated, InputPlan, Plan, PlanStep, Scope } from "../plan/plan.ts";
import { type Decision, emit, failRun, faultStep, spend, spent } from "./decision.ts";
import { fanOut, hasRoom, scheduleItems } from "./items.ts";
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
  const queue = [...candidates];
  for (let next = 0; next < queue.length; next++) {
    const step = plan.steps[queue[next] ?? -1];
    if (step === undefined || !isReady(run, step)) continue;
    if (spent(decision)) {
      decision.reactions.push({ type: "advance", runId: run.runId });
      return;
    }
    begin(decision, run, step);
    if (run.endedMs !== 0) return;
    if (isSettled(run, step.index)) queue.push(...step.dependants);
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

/** Whether `advance` has work that nothing else will trigger. */
export function isSchedulable(run: RunState, plan: Plan): boolean {
  if (run.status !== "running") return false;
  return plan.steps.some((step) => {
    const state = run.steps[step.index];
    return state?.status === "fanned-out" ? hasRoom(step, state) : isReady(run, step);
  });
}

/** Whether a step may begin: untouched (or given up in an earlier epoch), and everything it needs is settled. */
export function isReady(run: RunState, step: PlanStep): boolean {
  const status = run.steps[step.index]?.status;
  if (status !== "pending" && status !== "abandoned") return false;
  for (const need of step.needs) if (!isSettled(run, need)) return false;
  return true;
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

function begin(decision: Decision, run: RunState, step: PlanStep): void {
  const state = run.steps[step.index];
  if (state?.status === "abandoned") {
    // Its condition held and its input was computed when it first began: both stand, and so does its key.
    emit(decision, scheduled(run, step, null));
    return;
  }
  if (isSkippedByNeeds(run, step)) {
    emit(decision, { type: "step-skipped", runId: run.runId, step: step.index });
    return;
  }
  const scope = new RunScope(run, decision.blobText, null, -1);
  if (step.condition !== null) {
    const condition = step.condition.evaluate(scope);
    if (condition.type === "failed") return faultStep(decision, run, step.index, condition.failure);
    if (!condition.value) {
      emit(decision, { type: "step-skipped", runId: run.runId, step: step.index });
      return;
    }
  }
  if (step.forEach !== null) return fanOut(decision, run, step, step.forEach.evaluate(scope));
  beginOnce(decision, run, step, scope);
}

function beginOnce(decision: Decision, run: RunState, step: PlanStep, scope: Scope): void {
  switch (step.kind) {
    case "task": {
      const input = inputOf(step.input, scope);
      if (input.type === "failed") return faultStep(decision, run, step.index, input.failure);
      if (typeof input.value !== "number") spend(decision, input.value);
      emit(decision, scheduled(run, step, input.value));
      return;
    }
    case "transform":
      return transform(decision, run, step, scope);
    case "sleep":
      return sleep(decision, run, step, scope);
    case "signal":
      return waitForSignal(decision, run, step, scope);
  }
}

function scheduled(run: RunState, step: PlanStep, input: StepInput | null) {
  return { type: "step-scheduled", runId: run.runId, step: step.index, item: -1, attempt: 1, input } as const;
}

/** A chain behind a skipped step is skipped with it; a join runs if any of its branches ran. */
function isSkippedByNeeds(run: RunState, step: PlanStep): boolean {
  return step.needs.length > 0 && step.needs.every((need) => run.steps[need]?.status === "skipped");
}

function transform(decision: Decision, run: RunState, step: PlanStep, scope: Scope): void {
  const output = payloadOf(step.input, scope);
  if (output.type === "failed") return faultStep(decision, run, step.index, output.failure);
  spend(decision, output.value);
  emit(decision, { type: "step-evaluated", runId: run.runId, step: step.index, output: output.value });
}

function sleep(decision: Decision, run: RunState, step: PlanStep, scope: Scope): void {
  const until = step.sleepUntil?.(scope, decision.at.nowMs);
  if (until === undefined) throw new Error(`Sleep step ${step.name} has no wake-up time.`);
  if (until.type === "failed") return faultStep(decision, run, step.index, until.failure);
  emit(decision, { type: "step-sleeping", runId: run.runId, step: step.index, untilMs: until.value });
}

function waitForSignal(decision: Decision, run: RunState, step: PlanStep, scope: Scope): void {
  const name = step.signal?.evaluate(scope);
  if (name === undefined) throw new Error(`Signal step ${step.name} has no name.`);
  if (name.type === "failed") return faultStep(decision, run, step.index, name.failure);
  const deadlineMs = step.stepTimeoutMs > 0 ? decision.at.nowMs + step.stepTimeoutMs : 0;
  emit(decision, { type: "step-waiting", runId: run.runId, step: step.index, signal: name.value, deadlineMs });
  takeSignal(decision, run, step.index);
}

/** What `step-scheduled` records: a reference where the value is passed on unchanged. */
export function inputOf(input: InputPlan, scope: Scope): Evaluated<StepInput> {
  switch (input.type) {
    case "passed":
      return { type: "value", value: input.from };
    case "item":
      return { type: "value", value: ITEM_INPUT };
    case "constant":
      return { type: "value", value: WRITTEN_INPUT };
    case "computed":
      return input.template.evaluate(scope);
  }
}

function payloadOf(input: InputPlan, scope: Scope): Evaluated<Payload> {
  switch (input.type) {
    case "passed":
      return { type: "value", value: input.from === RUN_INPUT ? scope.input() : scope.output(input.from) };
    case "item":
      return { type: "value", value: scope.item ?? scope.input() };
    case "constant":
      return { type: "value", value: input.value };
    case "computed":
      return input.template.evaluate(scope);
  }
}

function complete(decision: Decision, run: RunState): void {
  const output = inputOf(decision.plan.output, new RunScope(run, decision.blobText, null, -1));
  if (output.type === "failed") return failRun(decision, run, -1, -1, output.failure);
  emit(decision, {
    type: "run-ended",
    runId: run.runId,
    status: "completed",
    output: output.value,
    failure: null,
    reason: "",
  });
}
