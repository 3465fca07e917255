import type { Definition } from "@millrace/model/definition.ts";
import type { Failure } from "@millrace/model/failure.ts";
import type { RunState, StepState, TaskBackoff, TaskState } from "@millrace/model/run-state.ts";
import { failureMessage } from "@millrace/rpc/failure-message.ts";
import type { Run } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { statusMessage } from "@millrace/rpc/run-status.ts";
import { NO_BYTES, timeMessage } from "./messages.ts";
import { followOutput, type PayloadTexts } from "./run-payloads.ts";

/** A run as the API shows it; without `texts` its payloads are left out. */
export function runMessage(run: RunState, definition: Definition, texts: PayloadTexts | null): Run {
  const retrying = retryingSteps(run);
  const failing = failureOfRun(run, retrying);
  return {
    runId: run.runId,
    workflow: run.workflow,
    version: run.version,
    status: statusMessage(run.status),
    epoch: run.epoch,
    tenant: run.tenant,
    startTime: timeMessage(run.startedMs),
    endTime: timeMessage(run.endedMs),
    input: texts === null ? NO_BYTES : texts.bytes(run.input),
    output: texts === null ? NO_BYTES : texts.bytes(followOutput(run, definition)),
    failure: failing === null ? undefined : failureMessage(failing.failure),
    failedStep: failing === null ? "" : (definition.steps[failing.step]?.name ?? ""),
    reason: run.reason,
    retryingSteps: retrying.length,
    nextAttemptTime: timeMessage(retrying.length === 0 ? 0 : Math.min(...retrying.map(({ task }) => task.retryAtMs))),
    idempotencyKey: run.idempotencyKey,
    stepsTotal: run.steps.length,
    stepsSettled: run.steps.filter(isSettled).length,
  };
}

/** The newest error of an attempt; null = none failed. */
export function newestFailure(task: TaskState): Failure | null {
  if (task.log === null) return null;
  return (task.log.recent.at(-1) ?? task.log.first).failure;
}

interface Retrying {
  readonly step: number;
  readonly task: TaskBackoff;
}

/** Steps and items waiting for their next attempt. */
function retryingSteps(run: RunState): Retrying[] {
  const retrying: Retrying[] = [];
  if (run.endedMs > 0) return retrying;
  for (const [step, state] of run.steps.entries()) {
    if (state.status === "backoff") retrying.push({ step, task: state });
    else if (state.status === "fanned-out") {
      for (const task of state.tasks) if (task?.status === "backoff") retrying.push({ step, task });
    }
  }
  return retrying;
}

/** Why the run failed, or the newest error while it retries. */
function failureOfRun(run: RunState, retrying: readonly Retrying[]): { step: number; failure: Failure } | null {
  if (run.failure !== null) return { step: run.failure.step, failure: run.failure.failure };
  let newest: { step: number; failure: Failure } | null = null;
  let newestMs = -1;
  for (const { step, task } of retrying) {
    const last = task.log.recent.at(-1) ?? task.log.first;
    if (last.endedMs <= newestMs) continue;
    newestMs = last.endedMs;
    newest = { step, failure: last.failure };
  }
  return newest;
}

function isSettled(step: StepState): boolean {
  return step.status === "completed" || step.status === "done" || step.status === "joined" || step.status === "skipped";
}
