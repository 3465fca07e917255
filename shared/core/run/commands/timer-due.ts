import type { Failure } from "@millrace/model/failure.ts";
import type { RunState, StepState } from "@millrace/model/run-state.ts";
import type { PlanStep } from "../../plan/plan.ts";
import { advance } from "../advance.ts";
import { beginAttempt } from "../attempts.ts";
import { type Decision, emit, faultStep, spent, wholeStep } from "../decision.ts";
import { mayBegin } from "../readiness.ts";
import { owedTimer } from "../resume.ts";
import { taskOf } from "../task-state.ts";
import { end } from "./cancel.ts";

/**
 * Acts on everything in the run that is due by now, and asks for the next timer: what is due later, and what this
 * command's budget left over. Nothing being due is normal.
 */
export function timerDue(decision: Decision, run: RunState): void {
  if (run.endedMs !== 0) return;
  actOnDue(decision, run);
  // What is due, and not for want of budget left over, waits for more than time: `advance` will look at it.
  const afterMs = spent(decision) ? 0 : decision.at.nowMs;
  if (run.endedMs === 0) owedTimer(run, decision.plan, decision.reactions, afterMs);
}

function actOnDue(decision: Decision, run: RunState): void {
  const { nowMs } = decision.at;
  const { plan } = decision;
  if (run.status === "cancelling") {
    // Nothing else can make it end otherwise than cancelled any more.
    if (run.cancelDeadlineMs <= nowMs) end(decision, run, "cancelled", run.reason);
    return;
  }
  if (plan.timeoutMs > 0 && run.epochStartedMs + plan.timeoutMs <= nowMs)
    return end(decision, run, "timed-out", `The run's time-out of ${plan.timeoutMs} ms passed.`);
  for (const step of plan.steps) {
    if (spent(decision)) return;
    const state = run.steps[step.index];
    if (state === undefined) continue;
    stepDue(decision, run, step, state);
    if (run.endedMs !== 0) return;
  }
}

function stepDue(decision: Decision, run: RunState, step: PlanStep, state: StepState): void {
  const { nowMs } = decision.at;
  switch (state.status) {
    case "sleeping":
      if (state.untilMs > nowMs) return;
      emit(decision, { type: "step-woke", runId: run.runId, step: step.index });
      return advance(decision, step.dependants);
    case "waiting":
      if (state.deadlineMs === 0 || state.deadlineMs > nowMs) return;
      return faultStep(decision, run, wholeStep(step), signalTimeout(state.signal, step));
    case "scheduled":
    case "backoff":
      if (timedOut(step, state.firstScheduledMs, nowMs))
        return faultStep(decision, run, wholeStep(step), stepTimeout(step));
      return retryDue(decision, run, step, -1);
    case "fanned-out":
      if (timedOut(step, state.sinceMs, nowMs)) return faultStep(decision, run, wholeStep(step), stepTimeout(step));
      state.tasks.forEach((task, item) => {
        if (task?.status === "backoff") retryDue(decision, run, step, item);
      });
      return;
    default:
      return;
  }
}

function retryDue(decision: Decision, run: RunState, step: PlanStep, item: number): void {
  const task = taskOf(run, step.index, item);
  if (task?.status !== "backoff" || run.status !== "running" || task.retryAtMs > decision.at.nowMs) return;
  if (spent(decision) || !mayBegin(run, step)) return;
  beginAttempt(decision, run, step, { item, attempt: task.attempt + 1, input: null });
}

function timedOut(step: PlanStep, sinceMs: number, nowMs: number): boolean {
  return step.stepTimeoutMs > 0 && sinceMs + step.stepTimeoutMs <= nowMs;
}

function stepTimeout(step: PlanStep): Failure {
  return {
    code: "STEP_TIMEOUT",
    class: "permanent",
    message: `Step ${step.name} was not done within its time-out of ${step.stepTimeoutMs} ms, retries and waiting included.`,
    guidance: "Look at its attempts: raise the step's timeout, or find out why no worker finished it.",
    retryAfterMs: 0,
  };
}

function signalTimeout(signal: string, step: PlanStep): Failure {
  return {
    code: "SIGNAL_TIMEOUT",
    class: "permanent",
    message: `Signal ${signal} did not come within ${step.stepTimeoutMs} ms.`,
    guidance: "Send the signal and retry the run, or raise the step's timeout.",
    retryAfterMs: 0,
  };
}
