// Decides what a command means for a run. Never throws for bad input, never waits; touches nothing but the decision.
import type { Failure } from "@millrace/model/failure.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { RunCommand, StartRun } from "@millrace/model/run-commands.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import { advanceAll } from "./advance.ts";
import { cancel, terminate } from "./commands/cancel.ts";
import { settleChild } from "./commands/child-ended.ts";
import { pause, resumeRun } from "./commands/pause.ts";
import { recordResult } from "./commands/result.ts";
import { retry } from "./commands/retry.ts";
import { signal } from "./commands/signal.ts";
import { start } from "./commands/start.ts";
import { timerDue } from "./commands/timer-due.ts";
import { type Decided, type Decision, DONE, failRun, REPEATED, WHOLE_RUN } from "./decision.ts";
import { RUN_STATE_BYTES_MAX } from "./state-size.ts";

/** Adds events and reactions to `decision`, or says why the command is refused and adds nothing. */
export function decide(decision: Decision, command: RunCommand): Decided {
  if (command.type === "start") return start(decision, command);
  const run = decision.run;
  // A result names its attempt by token; after a reconnect nobody but the run knows whose it was.
  const foreign = command.type !== "result" && run?.tenant !== command.tenant;
  if (run === undefined || foreign) return unknownRun(command);
  const decided = decideKnown(decision, run, command);
  if (!("code" in decided)) failIfTooLarge(decision, run);
  return decided;
}

/** A run that holds too much ends here instead of growing on (I9). One that is being cancelled ends by itself. */
function failIfTooLarge(decision: Decision, run: RunState): void {
  if (run.stateBytes <= RUN_STATE_BYTES_MAX || run.endedMs !== 0 || run.status === "cancelling") return;
  failRun(decision, run, WHOLE_RUN, TOO_LARGE);
}

const TOO_LARGE: Failure = {
  code: "RUN_TOO_LARGE",
  class: "permanent",
  message: `The run holds more than ${RUN_STATE_BYTES_MAX} bytes of payloads, logs and attempts.`,
  guidance:
    "Let steps return less, store large data elsewhere, log less, or split long lists over several runs; then start a new run.",
  retryAfterMs: 0,
};

function decideKnown(decision: Decision, run: RunState, command: Exclude<RunCommand, StartRun>): Decided {
  switch (command.type) {
    case "result":
      return recordResult(decision, run, command.result);
    case "signal":
      return signal(decision, run, command);
    case "cancel":
      return cancel(decision, run, command.reason);
    case "terminate":
      return terminate(decision, run, command.reason);
    case "pause":
      return pause(decision, run, command.reason);
    case "resume":
      return resumeRun(decision, run);
    case "retry":
      return retry(decision, run, command.requestId);
    case "timer-due":
      timerDue(decision, run);
      return DONE;
    case "advance":
      decision.lost = command.lost;
      advanceAll(decision);
      // A child's next attempt is due, too, and may have waited for room or for a blob that its name is read from.
      if (decision.plan.steps.some(({ child }) => child !== null)) timerDue(decision, run);
      return DONE;
    case "child-ended":
      return settleChild(decision, run, command);
  }
}

/** Results, ends of children, timers and scheduling of a run that is gone are settled; a person who names it is told (I3). */
function unknownRun(command: Exclude<RunCommand, StartRun>): Decided {
  switch (command.type) {
    case "result":
    case "child-ended":
    case "timer-due":
    case "advance":
      return REPEATED;
    default:
      return runNotFound(command.runId);
  }
}

export function runNotFound(runId: string): Refusal {
  return {
    code: "RUN_NOT_FOUND",
    field: "run_id",
    message: `There is no run ${runId}, or it is past retention.`,
    fix: "Check the ID, or list the runs of the workflow.",
    retryDelayMs: 0,
  };
}
