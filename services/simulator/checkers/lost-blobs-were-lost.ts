import type { RunId } from "@millrace/model/ids.ts";
import type { Checker } from "./observation.ts";

/** A run fails for a lost blob only when its own or a child's was lost: what cannot be read for a while is no reason. */
export function lostBlobsWereLost(): Checker {
  const lost = new Set<RunId>();
  const parents = new Map<RunId, RunId>();
  return {
    invariant: "I6",
    see(seen) {
      if (seen.type === "blob-lost") {
        lost.add(seen.runId);
        const parent = parents.get(seen.runId);
        if (parent !== undefined) lost.add(parent);
      }
      if (seen.type !== "event") return undefined;
      const { event } = seen;
      if (event.type === "run-started" && event.parent !== null) parents.set(event.runId, event.parent.runId);
      if (event.type !== "run-ended" || event.failure?.failure.code !== "BLOB_LOST") return undefined;
      return lost.has(event.runId) ? undefined : `run ${event.runId} failed for a blob that was there all the time`;
    },
  };
}
