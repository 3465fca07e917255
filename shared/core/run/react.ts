// What the world must do because of an event. Held back until the event's record is durable (I1); dropped on replay.

import type { ParentRef, RunMessage } from "@millrace/model/messages.ts";
import type { Reaction } from "@millrace/model/reaction.ts";
import type { ChildOrdered, RunEvent } from "@millrace/model/run-events.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import type { Plan } from "../plan/plan.ts";
import { dueTimes } from "./due.ts";
import { owedTasks } from "./resume.ts";

/** Adds what `event`, already folded into `run`, asks for. */
export function react(run: RunState, plan: Plan, event: RunEvent, reactions: Reaction[]): void {
  const { runId } = run;
  switch (event.type) {
    case "run-started":
      if (plan.timeoutMs > 0) reactions.push({ type: "timer", runId, atMs: run.epochStartedMs + plan.timeoutMs });
      if (run.parent !== null && !run.parent.wait)
        tell(reactions, { type: "child-started", ...toParent(run, run.parent) });
      return;
    case "run-retried":
      // Sleeps and lists that were under way when the last epoch ended go on.
      return dueTimes(run, plan, (atMs) => reactions.push({ type: "timer", runId, atMs }));
    case "step-scheduled": {
      const { step, item, attempt } = event;
      reactions.push({ type: "dispatch", runId, epoch: run.epoch, step, item, attempt });
      if (attempt === 1 && item < 0) stepTimer(run, plan, step, reactions);
      return;
    }
    case "child-ordered":
      tell(reactions, startChild(run, event));
      if (event.attempt === 1 && event.item < 0) stepTimer(run, plan, event.step, reactions);
      return;
    case "step-fanned-out":
      return stepTimer(run, plan, event.step, reactions);
    case "attempt-failed":
      if (event.retryAtMs > 0) reactions.push({ type: "timer", runId, atMs: event.retryAtMs });
      return;
    case "step-sleeping":
      reactions.push({ type: "timer", runId, atMs: event.untilMs });
      return;
    case "step-waiting":
      if (event.deadlineMs > 0) reactions.push({ type: "timer", runId, atMs: event.deadlineMs });
      return;
    case "cancel-requested":
      reactions.push({ type: "withdraw", runId, cancel: true }, { type: "timer", runId, atMs: event.deadlineMs });
      return stopChildren(run, plan, reactions);
    case "run-paused":
      reactions.push({ type: "withdraw", runId, cancel: false });
      return;
    case "run-resumed":
      return owedTasks(run, plan, reactions);
    case "run-ended":
      if (event.status !== "completed") reactions.push({ type: "withdraw", runId, cancel: true });
      reactions.push({ type: "ended", runId, epoch: run.epoch, status: event.status });
      // Those of a run that was cancelled have been told already.
      if (event.status !== "cancelled") stopChildren(run, plan, reactions);
      // Of later epochs the parent does not hear: it has gone on (I4).
      if (run.parent?.wait === true && run.epoch === 1)
        tell(reactions, { type: "child-ended", ...toParent(run, run.parent), status: event.status });
      return;
    case "step-completed":
    case "attempt-cancelled":
    case "step-joined":
    case "step-skipped":
    case "step-evaluated":
    case "step-faulted":
    case "step-woke":
    case "signal-received":
    case "signal-taken":
      return;
  }
}

function stepTimer(run: RunState, plan: Plan, step: number, reactions: Reaction[]): void {
  const timeoutMs = plan.steps[step]?.stepTimeoutMs ?? 0;
  const state = run.steps[step];
  if (timeoutMs === 0 || state === undefined) return;
  const sinceMs = "firstScheduledMs" in state ? state.firstScheduledMs : "sinceMs" in state ? state.sinceMs : 0;
  reactions.push({ type: "timer", runId: run.runId, atMs: sinceMs + timeoutMs });
}

function tell(reactions: Reaction[], message: RunMessage): void {
  reactions.push({ type: "send", message });
}

function startChild(run: RunState, event: ChildOrdered): RunMessage {
  const { step, item, attempt, child, workflow, version } = event;
  const { runId: from, tenant, epoch } = run;
  return { type: "start-child", from, to: child, tenant, epoch, step, item, attempt, workflow, version };
}

/** Tells children under way that nobody waits for them any more, as their steps say. */
function stopChildren(run: RunState, plan: Plan, reactions: Reaction[]): void {
  if (run.children === null) return;
  const { runId: from, tenant } = run;
  for (const { step, child } of run.children) {
    const mode = plan.steps[step]?.child?.onCancel ?? "abandon";
    if (mode !== "abandon") tell(reactions, { type: "stop-child", from, to: child, tenant, mode });
  }
}

function toParent({ runId: from, tenant }: RunState, parent: ParentRef) {
  const { runId: to, epoch, step, item, attempt } = parent;
  return { from, to, tenant, epoch, step, item, attempt };
}
