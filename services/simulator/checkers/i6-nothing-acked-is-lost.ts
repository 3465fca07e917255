import type { Checker } from "./observation.ts";

/** Every run and key that ever was durable is found by whoever takes over. */
export function nothingAckedIsLost(): Checker {
  return {
    invariant: "I6",
    see(seen, truth) {
      if (seen.type !== "recovered") return undefined;
      for (const [runId, { shard, state }] of truth.runs) {
        if (shard !== seen.shard) continue;
        if (seen.found.run(runId) === undefined) return `run ${runId} cannot be read back`;
        const { tenant, idempotencyKey: key } = state;
        if (key !== "" && seen.found.key(tenant, key) !== runId)
          return `key ${key} of run ${runId} cannot be read back`;
      }
      return undefined;
    },
  };
}
