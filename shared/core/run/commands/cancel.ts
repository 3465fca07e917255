import type { Refusal } from "@millrace/model/refusal.ts";
import type { EndStatus, RunState } from "@millrace/model/run-state.ts";
import { type Decided, type Decision, DONE, emit, REPEATED } from "../decision.ts";
import { taskOf } from "../task-state.ts";

/** How long a cancelled run waits for its workers: what Kubernetes gives a pod to stop. */
export const CANCEL_GRACE_MS = 30_000;

/** Asks a run to stop and ends it once no attempt is open. */
export function cancel(decision: Decision, run: RunState, reason: string): Decided {
  if (run.endedMs !== 0) return run.status === "cancelled" ? REPEATED : runEnded(run);
  if (run.status === "cancelling") return REPEATED;
  const deadlineMs = decision.at.nowMs + CANCEL_GRACE_MS;
  emit(decision, { type: "cancel-requested", runId: run.runId, reason, deadlineMs });
  letGo(decision, run);
  endIfQuiet(decision, run);
  return DONE;
}

/** Nobody waits for children that go on by themselves. */
function letGo(decision: Decision, run: RunState): void {
  for (const { step, item } of [...(run.children ?? [])]) {
    if (decision.plan.steps[step]?.child?.onCancel !== "abandon") continue;
    const attempt = taskOf(run, step, item)?.attempt ?? 1;
    emit(decision, { type: "attempt-cancelled", runId: run.runId, step, item, attempt });
  }
}

/** Ends a run at once. */
export function terminate(decision: Decision, run: RunState, reason: string): Decided {
  if (run.endedMs !== 0) return run.status === "terminated" ? REPEATED : runEnded(run);
  end(decision, run, "terminated", reason);
  return DONE;
}

/** Ends a run that is being cancelled when no worker holds anything of it any more. */
export function endIfQuiet(decision: Decision, run: RunState): void {
  if (run.status === "cancelling" && run.openAttempts === 0) end(decision, run, "cancelled", run.reason);
}

/** Ends a run without a result. */
export function end(decision: Decision, run: RunState, status: EndStatus, reason: string): void {
  emit(decision, { type: "run-ended", runId: run.runId, status, output: null, failure: null, reason });
}

export function runEnded(run: RunState): Refusal {
  return {
    code: "RUN_ENDED",
    field: "run_id",
    message: `Run ${run.runId} has ended: ${run.status}.`,
    fix: run.status === "completed" ? "Start a new run." : "Retry the run, or start a new one.",
    retryDelayMs: 0,
  };
}
