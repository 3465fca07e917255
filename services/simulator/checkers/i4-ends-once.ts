import type { Checker } from "./observation.ts";

/** Every epoch of a run ends once, each waiter hears of it once, and in the end everything has ended. */
export function endsOnce(): Checker {
  const ended = new Set<string>();
  const told = new Set<number>();
  return {
    invariant: "I4",
    see(seen, truth) {
      switch (seen.type) {
        case "event": {
          if (seen.event.type !== "run-ended") return undefined;
          const { runId } = seen.event;
          const name = `${runId} in epoch ${truth.runs.get(runId)?.state.epoch ?? 0}`;
          if (ended.has(name)) return `${name} ended twice`;
          ended.add(name);
          return undefined;
        }
        case "end":
          if (told.has(seen.call.ref)) return `call ${seen.call.ref} was told twice of an end of ${seen.end.runId}`;
          told.add(seen.call.ref);
          return undefined;
        default:
          return undefined;
      }
    },
  };
}
