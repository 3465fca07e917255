import { retryingOf, summarise } from "@millrace/core/run/summarise.ts";
import type { Definition } from "@millrace/model/definition.ts";
import type { Failure } from "@millrace/model/failure.ts";
import type { RunState, TaskState } from "@millrace/model/run-state.ts";
import type { RunSummary } from "@millrace/model/run-summary.ts";
import { failureMessage } from "@millrace/rpc/failure-message.ts";
import type { Run } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { statusMessage } from "@millrace/rpc/run-status.ts";
import { nothingLeftOut, omittedMessage } from "./left-out.ts";
import { NO_BYTES, timeMessage } from "./messages.ts";
import { followOutput, type PayloadTexts } from "./run-payloads.ts";

/** A run as the API shows it. */
export function runMessage(run: RunState, definition: Definition, payloads: PayloadTexts): Run {
  const left = nothingLeftOut();
  return {
    ...summaryMessage(summarise(run, definition.steps, retryingOf(run))),
    input: payloads.bytes(run.input, left, "inputBytes"),
    output: payloads.bytes(followOutput(run, definition), left, "outputBytes"),
    omitted: omittedMessage(left),
  };
}

/** The same without payloads, of which a summary knows nothing. */
export function summaryMessage(summary: RunSummary): Run {
  return {
    runId: summary.runId,
    workflow: summary.workflow,
    version: summary.version,
    status: statusMessage(summary.status),
    epoch: summary.epoch,
    tenant: summary.tenant,
    startTime: timeMessage(summary.startedMs),
    endTime: timeMessage(summary.endedMs),
    input: NO_BYTES,
    output: NO_BYTES,
    failure: summary.failure === null ? undefined : failureMessage(summary.failure),
    failedStep: summary.failedStep,
    reason: summary.reason,
    retryingSteps: summary.retryingSteps,
    nextAttemptTime: timeMessage(summary.nextAttemptMs),
    idempotencyKey: summary.idempotencyKey,
    stepsTotal: summary.stepsTotal,
    stepsSettled: summary.stepsSettled,
    omitted: undefined,
  };
}

/** The newest error of an attempt; null = none failed. */
export function newestFailure(task: TaskState): Failure | null {
  if (task.log === null) return null;
  return (task.log.recent.at(-1) ?? task.log.first).failure;
}
