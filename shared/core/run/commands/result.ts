import type { Failure } from "@millrace/model/failure.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import type { TaskResult } from "@millrace/model/task.ts";
import type { PlanStep } from "../../plan/plan.ts";
import { backoffMs, retries } from "../../retry/backoff.ts";
import { advance } from "../advance.ts";
import { type Decided, type Decision, DONE, emit, failRun, REPEATED } from "../decision.ts";
import { scheduleItems } from "../items.ts";
import { itemsOf, taskOf } from "../task-state.ts";
import { endIfQuiet } from "./cancel.ts";

/** Records an attempt's outcome, once: a late, repeated or superseded one changes nothing (I3). */
export function recordResult(decision: Decision, run: RunState, result: TaskResult): Decided {
  const { step: index, item, attempt } = result;
  const step = decision.plan.steps[index];
  // Nobody owes a worker's result for a child.
  if (step === undefined || step.child !== null) return REPEATED;
  if (run.epoch !== result.epoch || run.endedMs !== 0) return REPEATED;
  const task = taskOf(run, index, item);
  if (task?.status !== "scheduled" || task.attempt !== attempt) return REPEATED;
  return settle(decision, run, step, result);
}

/** Records what came of an attempt that is owed a result, and goes on with the run. */
export function settle(decision: Decision, run: RunState, step: PlanStep, result: TaskResult): Decided {
  const { step: index, item, attempt, outcome } = result;
  switch (outcome.type) {
    case "completed":
      emit(decision, {
        type: "step-completed",
        runId: run.runId,
        step: index,
        item,
        attempt,
        output: outcome.output,
        worker: result.worker,
        startedMs: result.startedMs,
        logs: result.logs,
      });
      goOn(decision, run, step, item);
      return DONE;
    case "failed":
      fail(decision, run, result, outcome.failure);
      return DONE;
    case "cancelled":
      if (run.status === "cancelling") {
        emit(decision, { type: "attempt-cancelled", runId: run.runId, step: index, item, attempt });
        endIfQuiet(decision, run);
      } else fail(decision, run, result, STOPPED_UNASKED);
      return DONE;
  }
}

/** A worker that gives up an attempt nobody cancelled is treated like one that was lost. */
const STOPPED_UNASKED: Failure = {
  code: "WORKER_LOST",
  class: "transient",
  message: "The worker stopped before the attempt was over.",
  guidance: "",
  retryAfterMs: 0,
};

function goOn(decision: Decision, run: RunState, step: PlanStep, item: number): void {
  if (run.status === "cancelling") return endIfQuiet(decision, run);
  if (run.status !== "running") return;
  const items = item >= 0 ? itemsOf(run, step.index) : undefined;
  if (items === undefined) return advance(decision, step.dependants);
  scheduleItems(decision, run, step, items);
  if (items.status === "joined") advance(decision, step.dependants);
}

function fail(decision: Decision, run: RunState, result: TaskResult, failure: Failure): void {
  const { step, item, attempt, worker, startedMs, logs } = result;
  const policy = decision.plan.steps[step]?.retry;
  const again = policy !== undefined && run.status !== "cancelling" && retries(policy, attempt, failure);
  // At least 1 ms, so that 0 can mean "never again".
  const delayMs = again ? Math.max(1, backoffMs(policy, attempt, failure, decision.at.seed + attempt)) : 0;
  const retryAtMs = again ? decision.at.nowMs + delayMs : 0;
  const runId = run.runId;
  emit(decision, { type: "attempt-failed", runId, step, item, attempt, failure, retryAtMs, worker, startedMs, logs });
  if (again) return;
  if (run.status === "cancelling") endIfQuiet(decision, run);
  else failRun(decision, run, { step, item }, failure);
}
