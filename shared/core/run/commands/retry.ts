import type { RunState } from "@millrace/model/run-state.ts";
import { advanceAll } from "../advance.ts";
import { type Decided, type Decision, DONE, emit } from "../decision.ts";

/** Opens the next epoch of a run that did not complete; finished steps and items keep their results. */
export function retry(decision: Decision, run: RunState, requestId: string): Decided {
  const known = requestId === "" ? undefined : run.retries.find((earlier) => earlier.requestId === requestId);
  if (known !== undefined) return { type: "done", repeated: true, epoch: known.epoch };
  if (run.endedMs === 0)
    return {
      code: "RUN_NOT_ENDED",
      field: "run_id",
      message: `Run ${run.runId} is ${run.status}: there is nothing to retry yet.`,
      fix: "Wait for its end, or cancel or terminate it first.",
      retryDelayMs: 0,
    };
  if (run.status === "completed")
    return {
      code: "RUN_NOT_FAILED",
      field: "run_id",
      message: `Run ${run.runId} completed.`,
      fix: "Start a new run.",
      retryDelayMs: 0,
    };
  emit(decision, { type: "run-retried", runId: run.runId, epoch: run.epoch + 1, requestId });
  advanceAll(decision);
  return DONE;
}
