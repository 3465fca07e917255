import type { RunState } from "@millrace/model/run-state.ts";
import { advanceAll } from "../advance.ts";
import { type Decided, type Decision, DONE, emit, REPEATED } from "../decision.ts";
import { runEnded } from "./cancel.ts";
import { timerDue } from "./timer-due.ts";

/** Lets nothing begin until the run is resumed; what workers hold is finished and recorded. */
export function pause(decision: Decision, run: RunState, reason: string): Decided {
  if (run.endedMs !== 0) return runEnded(run);
  if (run.status === "paused") return REPEATED;
  if (run.status === "cancelling")
    return {
      code: "RUN_ENDED",
      field: "run_id",
      message: `Run ${run.runId} is being cancelled.`,
      fix: "Wait for its end, then retry it.",
      retryDelayMs: 0,
    };
  emit(decision, { type: "run-paused", runId: run.runId, reason });
  return DONE;
}

/** Lets a paused run go on, with everything that came due or became ready meanwhile. */
export function resumeRun(decision: Decision, run: RunState): Decided {
  if (run.status !== "paused")
    return {
      code: "RUN_NOT_PAUSED",
      field: "run_id",
      message: `Run ${run.runId} is ${run.status}, not paused.`,
      fix: "Resume only paused runs.",
      retryDelayMs: 0,
    };
  emit(decision, { type: "run-resumed", runId: run.runId });
  timerDue(decision, run);
  advanceAll(decision);
  return DONE;
}
