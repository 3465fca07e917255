import type { Reply, RunView } from "@millrace/link/link.ts";
import type { JournalEvent } from "@millrace/model/run-events.ts";
import type { Call, Checker, Observation } from "./observation.ts";
import { attemptName, type Truth } from "./truth.ts";

/** Whatever the outside is told, the durable log says so by then. */
export function ackedMeansDurable(): Checker {
  /** What happened, by the name an acknowledgement of it would look for. */
  const facts = new Set<string>();
  return {
    invariant: "I1",
    see(seen, truth) {
      if (seen.type === "event") note(seen.event, truth, facts);
      return problemOf(seen, truth, facts);
    },
  };
}

function problemOf(seen: Observation, truth: Truth, facts: ReadonlySet<string>): string | undefined {
  switch (seen.type) {
    case "reply":
      if (seen.reply.type !== "done" || isDurable(seen.call, seen.reply, truth, facts)) return undefined;
      return `${seen.call.command.type} of ${seen.reply.runId} is answered, and nothing durable says so`;
    case "end": {
      const { runId, epoch, status } = seen.end;
      if (facts.has(`ended/${runId}/${epoch}/${status}`)) return undefined;
      return `the end of ${runId} (epoch ${epoch}, ${status}) is told, and is not durable`;
    }
    case "task":
      return truth.attempts.has(attemptName(seen.task)) ? undefined : `task ${attemptName(seen.task)} is not durable`;
    case "settled":
      for (const token of seen.tokens)
        if (truth.isOpen(token)) return `the result of ${attemptName(token)} is settled, and is not durable`;
      return undefined;
    case "view":
      return shownTooEarly(seen.view, truth);
    case "row":
      return shownTooEarly(seen.row, truth);
    default:
      return undefined;
  }
}

function shownTooEarly({ runId, position }: Pick<RunView, "runId" | "position">, truth: Truth): string | undefined {
  if (truth.runs.get(runId)?.versions.has(position) === true) return undefined;
  return `run ${runId} is shown as of record ${position}, which is not durable`;
}

function note(event: JournalEvent, truth: Truth, facts: Set<string>): void {
  switch (event.type) {
    case "signal-received":
      facts.add(`signal/${event.runId}/${event.signalId}`);
      return;
    case "run-ended":
      facts.add(`ended/${event.runId}/${truth.runs.get(event.runId)?.state.epoch ?? 0}/${event.status}`);
      facts.add(`${event.status}/${event.runId}`);
      return;
    case "cancel-requested":
      facts.add(`cancelled/${event.runId}`);
      return;
    case "run-paused":
    case "run-resumed":
      facts.add(`${event.type}/${event.runId}`);
      return;
    case "run-retried":
      facts.add(`retried/${event.runId}/${event.requestId}`);
      return;
    default:
      return;
  }
}

function isDurable(call: Call, reply: Reply & { type: "done" }, truth: Truth, facts: ReadonlySet<string>): boolean {
  const { command } = call;
  switch (command.type) {
    case "start":
      return truth.runs.has(reply.runId);
    case "result":
      return !truth.isOpen(command.result);
    case "signal":
      return facts.has(`signal/${command.runId}/${command.signalId}`);
    case "cancel":
      return facts.has(`cancelled/${command.runId}`);
    case "terminate":
      return facts.has(`terminated/${command.runId}`);
    case "pause":
      return facts.has(`run-paused/${command.runId}`);
    case "resume":
      return facts.has(`run-resumed/${command.runId}`);
    case "retry":
      return facts.has(`retried/${command.runId}/${command.requestId}`);
    case "timer-due":
    case "advance":
    case "child-ended":
      return true;
  }
}
