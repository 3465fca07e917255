import type { RunId } from "@millrace/model/ids.ts";
import type { Checker } from "./observation.ts";

/** A run fails for a lost blob only when one of its own was lost: what cannot be read for a while is no reason. */
export function lostBlobsWereLost(): Checker {
  const lost = new Set<RunId>();
  return {
    invariant: "I6",
    see(seen) {
      if (seen.type === "blob-lost") lost.add(seen.runId);
      if (seen.type !== "event" || seen.event.type !== "run-ended") return undefined;
      const { runId, failure } = seen.event;
      return failure?.failure.code === "BLOB_LOST" && !lost.has(runId)
        ? `run ${runId} failed for a blob that was there all the time`
        : undefined;
    },
  };
}
