// A run in a few lines. What it says of the run as a whole is in the run's head; only what retries is looked for in its
// steps, and nothing does in a run that has ended.
import type { Failure } from "@millrace/model/failure.ts";
import type { RunHead, RunState, TaskBackoff } from "@millrace/model/run-state.ts";
import type { RunSummary } from "@millrace/model/run-summary.ts";

/** Steps and items waiting for their next attempt. */
export interface Retrying {
  readonly count: number;
  /** When the first of them is due; 0 = none is. */
  readonly nextMs: number;
  /** The newest error among them. */
  readonly newest: StepFailure | null;
}

interface StepFailure {
  /** Ordinal of the step; -1 = the run itself. */
  readonly step: number;
  readonly failure: Failure;
}

export const NONE_RETRIES: Retrying = { count: 0, nextMs: 0, newest: null };

/** Sums a run up; `steps` are those of its definition or plan. */
export function summarise(
  run: RunHead,
  steps: readonly { readonly name: string }[],
  { count, nextMs, newest }: Retrying,
): RunSummary {
  const failed: StepFailure | null = run.failure ?? newest;
  return {
    runId: run.runId,
    tenant: run.tenant,
    workflow: run.workflow,
    version: run.version,
    status: run.status,
    epoch: run.epoch,
    startedMs: run.startedMs,
    endedMs: run.endedMs,
    failure: failed === null ? null : failed.failure,
    failedStep: failed === null ? "" : (steps[failed.step]?.name ?? ""),
    reason: run.reason,
    idempotencyKey: run.idempotencyKey,
    retryingSteps: count,
    nextAttemptMs: nextMs,
    stepsTotal: steps.length,
    stepsSettled: steps.length - run.openSteps,
  };
}

/** What of a run retries. Looks at every item that may. */
export function retryingOf(run: RunState): Retrying {
  if (run.endedMs > 0) return NONE_RETRIES;
  let count = 0;
  let nextMs = Number.POSITIVE_INFINITY;
  let newest: StepFailure | null = null;
  let newestMs = -1;
  const see = (step: number, task: TaskBackoff): void => {
    count++;
    nextMs = Math.min(nextMs, task.retryAtMs);
    const last = task.log.recent.at(-1) ?? task.log.first;
    if (last.endedMs <= newestMs) return;
    newestMs = last.endedMs;
    newest = { step, failure: last.failure };
  };
  for (const [step, state] of run.steps.entries()) {
    if (state.status === "backoff") see(step, state);
    else if (state.status === "fanned-out" && state.open > 0) {
      for (const task of state.tasks) if (task?.status === "backoff") see(step, task);
    }
  }
  return count === 0 ? NONE_RETRIES : { count, nextMs, newest };
}
