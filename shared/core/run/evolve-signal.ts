// How signals reach the steps that wait for them.
import type { SignalReceived, SignalTaken } from "@millrace/model/run-events.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import { textBytes } from "./state-size.ts";

/** How many accepted signal IDs are remembered for de-duplication: as many as can wait. */
export const SIGNAL_IDS_MAX = 1000;

export function signalReceived(run: RunState, event: SignalReceived): void {
  run.signals.push({ name: event.name, payload: event.payload });
  // It stays as large when a step takes it.
  run.stateBytes += textBytes(event.payload);
  if (event.signalId === "") return;
  run.signalIds.push(event.signalId);
  if (run.signalIds.length > SIGNAL_IDS_MAX) run.signalIds.shift();
}

export function signalTaken(run: RunState, event: SignalTaken, atMs: number): void {
  const waiting = run.steps[event.step];
  if (waiting?.status !== "waiting") throw new Error(`Step ${event.step} of run ${run.runId} waits for no signal.`);
  const index = run.signals.findIndex((signal) => signal.name === waiting.signal);
  const [signal] = index < 0 ? [] : run.signals.splice(index, 1);
  if (signal === undefined) throw new Error(`Run ${run.runId} holds no signal ${waiting.signal}.`);
  run.steps[event.step] = { status: "done", sinceMs: waiting.sinceMs, endedMs: atMs, output: signal.payload };
  run.openSteps--;
}
