// Folds events into a run's state, in place. Total: an event that was journaled is a fact, so nothing is refused here;
// an event that cannot follow from the state means the journal or the code is broken, and stops the shard.
import { JSON_NULL as NULL } from "@millrace/model/payload.ts";
import type { RunEvent, RunStarted, StepFaulted } from "@millrace/model/run-events.ts";
import type { RunState, StepState } from "@millrace/model/run-state.ts";
import { childOrdered } from "./evolve-child.ts";
import { fannedOut, joined } from "./evolve-items.ts";
import { cancelRequested, ended, retried } from "./evolve-run.ts";
import { signalReceived, signalTaken } from "./evolve-signal.ts";
import { abandoned, attemptCancelled, attemptFailed, stepCompleted, stepScheduled } from "./evolve-task.ts";
import { childOf, removeChild } from "./open-children.ts";
import { PENDING } from "./readiness.ts";
import { failureBytes, taskBytes, textBytes } from "./state-size.ts";
import { taskOf } from "./task-state.ts";

/** What follows from `event`, recorded at `atMs`. `run` is undefined for `run-started` alone. */
export function evolve(run: RunState | undefined, event: RunEvent, atMs: number): RunState {
  if (event.type === "run-started") return started(event, atMs);
  if (run === undefined) throw new Error(`Event ${event.type} of run ${event.runId}, which was never started.`);
  apply(run, event, atMs);
  return run;
}

function apply(run: RunState, event: Exclude<RunEvent, RunStarted>, atMs: number): void {
  switch (event.type) {
    case "step-scheduled":
      return changeTask(run, event, atMs, stepScheduled);
    case "child-ordered":
      return changeTask(run, event, atMs, childOrdered);
    case "step-completed":
      changeTask(run, event, atMs, stepCompleted);
      return removeChild(run, event.step, event.item);
    case "attempt-failed":
      changeTask(run, event, atMs, attemptFailed);
      return removeChild(run, event.step, event.item);
    case "attempt-cancelled":
      changeTask(run, event, atMs, attemptCancelled);
      return removeChild(run, event.step, event.item);
    case "step-fanned-out":
      return fannedOut(run, event, atMs);
    case "step-joined":
      return joined(run, event, atMs);
    case "step-skipped":
      run.steps[event.step] = { status: "skipped", atMs };
      run.openSteps--;
      return;
    case "step-evaluated":
      run.steps[event.step] = { status: "done", sinceMs: atMs, endedMs: atMs, output: event.output };
      run.stateBytes += textBytes(event.output);
      run.openSteps--;
      return;
    case "step-faulted":
      return faulted(run, event, atMs);
    case "step-sleeping":
      run.steps[event.step] = { status: "sleeping", sinceMs: atMs, untilMs: event.untilMs };
      return;
    case "step-woke":
      run.steps[event.step] = { status: "done", sinceMs: since(run, event.step, atMs), endedMs: atMs, output: NULL };
      run.stateBytes += textBytes(NULL);
      run.openSteps--;
      return;
    case "step-waiting":
      run.steps[event.step] = { status: "waiting", sinceMs: atMs, signal: event.signal, deadlineMs: event.deadlineMs };
      return;
    case "signal-received":
      return signalReceived(run, event);
    case "signal-taken":
      return signalTaken(run, event, atMs);
    case "run-paused":
      run.status = "paused";
      run.reason = event.reason;
      return;
    case "run-resumed":
      run.status = "running";
      run.reason = "";
      return;
    case "cancel-requested":
      return cancelRequested(run, event);
    case "run-ended":
      return ended(run, event, atMs);
    case "run-retried":
      return retried(run, event, atMs);
  }
}

/** A task's part of the state is counted anew around whatever an event does to it. */
function changeTask<Event extends { readonly step: number; readonly item: number }>(
  run: RunState,
  event: Event,
  atMs: number,
  fold: (run: RunState, event: Event, atMs: number) => void,
): void {
  const before = taskBytes(taskOf(run, event.step, event.item));
  fold(run, event, atMs);
  run.stateBytes += taskBytes(taskOf(run, event.step, event.item)) - before;
}

function started(event: RunStarted, atMs: number): RunState {
  return {
    runId: event.runId,
    tenant: event.tenant,
    workflow: event.workflow,
    version: event.version,
    status: "running",
    epoch: 1,
    input: event.input,
    output: null,
    failure: null,
    reason: "",
    idempotencyKey: event.idempotencyKey,
    inputHash: event.inputHash,
    traceparent: event.traceparent,
    startedMs: atMs,
    epochStartedMs: atMs,
    endedMs: 0,
    cancelDeadlineMs: 0,
    steps: Array.from<StepState>({ length: event.stepCount }).fill(PENDING),
    openSteps: event.stepCount,
    openAttempts: 0,
    stateBytes: textBytes(event.input),
    signals: [],
    signalIds: [],
    retries: [],
    parent: event.parent,
    children: null,
  };
}

/** Tasks and items keep their state, so that a retry knows what was under way; the run's failure says why it ended. */
function faulted(run: RunState, event: StepFaulted, atMs: number): void {
  const state = run.steps[event.step];
  if (state?.status === "scheduled") {
    run.steps[event.step] = abandoned(state, atMs, childOf(run, event.step, -1));
    run.openAttempts--;
  } else if (state !== undefined && "tasks" in state) {
    state.status = "items-failed";
    state.endedMs = atMs;
  } else if (state?.status !== "backoff") {
    run.steps[event.step] = {
      status: "faulted",
      sinceMs: since(run, event.step, atMs),
      endedMs: atMs,
      failure: event.failure,
    };
    run.stateBytes += failureBytes(event.failure);
  }
}

/** When a step that is being settled began. */
function since(run: RunState, step: number, atMs: number): number {
  const state = run.steps[step];
  if (state === undefined) return atMs;
  if ("sinceMs" in state) return state.sinceMs;
  if ("firstScheduledMs" in state) return state.firstScheduledMs;
  return atMs;
}
