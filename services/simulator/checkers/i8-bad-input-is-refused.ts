import type { RefusalCode } from "@millrace/model/refusal.ts";
import type { Checker } from "./observation.ts";

/** Refusals that only say "not now": of these, nobody knows whether the command became durable. */
const PASSING: ReadonlySet<RefusalCode> = new Set<RefusalCode>(["SHARD_UNAVAILABLE", "DISK_FULL"]);

/** What was refused for good leaves no trace in the journal. */
export function badInputIsRefused(): Checker {
  const refusedStarts = new Set<string>();
  const refusedSignals = new Set<string>();
  return {
    invariant: "I8",
    see(seen, truth) {
      if (seen.type === "event") {
        const { event } = seen;
        if (event.type === "run-started" && refusedStarts.has(event.runId))
          return `refused start of ${event.runId} is in the journal`;
        if (event.type === "signal-received" && refusedSignals.has(`${event.runId}/${event.signalId}`))
          return `refused signal ${event.signalId} of ${event.runId} is in the journal`;
      }
      if (seen.type !== "reply" || seen.reply.type !== "refused" || PASSING.has(seen.reply.refusal.code))
        return undefined;
      const { command } = seen.call;
      if (command.type === "start") {
        refusedStarts.add(command.runId);
        if (truth.runs.has(command.runId)) return `the start of ${command.runId} is refused, and in the journal`;
      }
      if (command.type === "signal" && command.signalId !== "")
        refusedSignals.add(`${command.runId}/${command.signalId}`);
      return undefined;
    },
  };
}
