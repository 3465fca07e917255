// Matches buffered signals with waiting steps.
import type { RunState } from "@millrace/model/run-state.ts";
import { type Decision, emit } from "./decision.ts";

/** The first waiting step that a buffered signal satisfies takes it. Returns whether `step` did. */
export function takeSignal(decision: Decision, run: RunState, step: number): boolean {
  const state = run.steps[step];
  if (state?.status !== "waiting") return false;
  if (!run.signals.some((signal) => signal.name === state.signal)) return false;
  emit(decision, { type: "signal-taken", runId: run.runId, step });
  return true;
}
