import type { Failure } from "@millrace/model/failure.ts";
import { workerName } from "@millrace/model/ids.ts";
import { JSON_NULL, json } from "@millrace/model/payload.ts";
import type { SettleChild } from "@millrace/model/run-commands.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import type { TaskOutcome } from "@millrace/model/task.ts";
import { advanceAll } from "../advance.ts";
import { type Decided, type Decision, DONE, REPEATED } from "../decision.ts";
import { childOf, hasChildRoom } from "../open-children.ts";
import { owedTimer } from "../resume.ts";
import { settle } from "./result.ts";

/** A failure's texts have at most this many characters (model/failure.ts). */
const MESSAGE_CHARACTERS_MAX = 4096;

/** Records what became of a child, once, as the outcome of the attempt it is; of any other run it changes nothing (I3). */
export function settleChild(decision: Decision, run: RunState, command: SettleChild): Decided {
  const { epoch, step: index, item, attempt, child, startedMs } = command;
  const step = decision.plan.steps[index];
  if (step === undefined || run.epoch !== epoch || run.endedMs !== 0) return REPEATED;
  if (childOf(run, index, item) !== child) return REPEATED;
  const wasFull = !hasChildRoom(run);
  const token = { runId: run.runId, epoch, step: index, item, attempt };
  const worker = workerName(child);
  settle(decision, run, step, { ...token, outcome: outcomeOf(run, command), worker, startedMs, logs: null });
  if (wasFull) lookAgain(decision, run);
  return DONE;
}

/** Steps, items and retries may have waited for the room this child took. */
function lookAgain(decision: Decision, run: RunState): void {
  advanceAll(decision);
  if (run.endedMs === 0) owedTimer(run, decision.plan, decision.reactions);
}

function outcomeOf(run: RunState, command: SettleChild): TaskOutcome {
  const { status, output, failure, child } = command;
  switch (status) {
    case "completed":
      return { type: "completed", output: output ?? JSON_NULL };
    case "started":
      return { type: "completed", output: json(JSON.stringify({ runId: child })) };
    case "refused":
      return { type: "failed", failure: failure ?? childFailed(command) };
    case "cancelled":
    case "terminated":
      return run.status === "cancelling" ? { type: "cancelled" } : { type: "failed", failure: childFailed(command) };
    case "failed":
    case "timed-out":
      return { type: "failed", failure: childFailed(command) };
  }
}

function childFailed({ child, status, failure }: SettleChild): Failure {
  const why = failure === null ? "" : `: ${failure.code}: ${failure.message}`;
  const message = `Child run ${child} ended ${status}${why}`;
  return {
    code: "CHILD_RUN_FAILED",
    class: "transient",
    message: message.slice(0, MESSAGE_CHARACTERS_MAX).toWellFormed(),
    guidance: `Look at the timeline of ${child}. With the cause gone, retry this run: it starts a new child.`,
    retryAfterMs: 0,
  };
}
