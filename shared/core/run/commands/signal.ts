import type { Refusal } from "@millrace/model/refusal.ts";
import type { SignalRun } from "@millrace/model/run-commands.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import { advance } from "../advance.ts";
import { type Decided, type Decision, DONE, emit, REPEATED } from "../decision.ts";
import { takeSignal } from "../signals.ts";
import { RUN_STATE_BYTES_MAX, textBytes } from "../state-size.ts";
import { runEnded } from "./cancel.ts";

/** How many signals may wait for steps that take them. Temporal ends a run at 10,000 in all; ours only ever wait. */
export const SIGNALS_BUFFERED_MAX = 1000;

/** Accepts a signal; the first waiting step of its name takes it. */
export function signal(decision: Decision, run: RunState, command: SignalRun): Decided {
  const { signalId, name, payload } = command;
  if (signalId !== "" && run.signalIds.includes(signalId)) return REPEATED;
  if (run.endedMs !== 0) return runEnded(run);
  // One that a step waits for takes no room: else signals nobody takes could keep it away for ever.
  if (!isAwaited(run, name)) {
    if (run.signals.length >= SIGNALS_BUFFERED_MAX)
      return bufferFull(`${SIGNALS_BUFFERED_MAX} signals already wait for steps of run ${run.runId}.`);
    // What nobody asked for must not be what a run fails of.
    if (run.stateBytes + textBytes(payload) > RUN_STATE_BYTES_MAX)
      return bufferFull(`With this signal run ${run.runId} would hold more than ${RUN_STATE_BYTES_MAX} bytes.`);
  }
  emit(decision, { type: "signal-received", runId: run.runId, signalId, name, payload });
  for (const step of decision.plan.steps) {
    if (!takeSignal(decision, run, step.index)) continue;
    advance(decision, step.dependants);
    break;
  }
  return DONE;
}

function bufferFull(message: string): Refusal {
  const fix = "Send signals only as fast as the run takes them.";
  return { code: "SIGNAL_BUFFER_FULL", field: "run_id", message, fix, retryDelayMs: 1000 };
}

function isAwaited(run: RunState, name: string): boolean {
  return run.steps.some((step) => step.status === "waiting" && step.signal === name);
}
