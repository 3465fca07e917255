// What the world must do because of an event. Held back until the event's record is durable (I1); dropped on replay.
import type { Reaction } from "@millrace/model/reaction.ts";
import type { RunEvent } from "@millrace/model/run-events.ts";
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
      return;
    case "run-paused":
      reactions.push({ type: "withdraw", runId, cancel: false });
      return;
    case "run-resumed":
      return owedTasks(run, reactions);
    case "run-ended":
      if (event.status !== "completed") reactions.push({ type: "withdraw", runId, cancel: true });
      reactions.push({ type: "ended", runId, epoch: run.epoch, status: event.status });
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
