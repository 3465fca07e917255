import type { Position, RunId } from "@millrace/model/ids.ts";
import type { Checker, Observation } from "./observation.ts";
import type { Truth } from "./truth.ts";

/** Whatever shows a run, its bytes are those of the fold from its first event. */
export function stateIsTheFold(): Checker {
  return {
    invariant: "I5",
    see(seen, truth) {
      switch (seen.type) {
        case "view":
          return differs(truth, seen.view.runId, seen.view);
        case "stored":
          return differs(truth, seen.runId, seen.stored);
        case "recovered":
          return recoveredDiffers(truth, seen);
        default:
          return undefined;
      }
    },
  };
}

function recoveredDiffers(truth: Truth, { shard, found }: Observation & { type: "recovered" }): string | undefined {
  for (const [runId, run] of truth.runs) {
    const state = run.shard === shard ? found.run(runId) : undefined;
    if (state === undefined) continue;
    if (state.position !== run.position)
      return `read back, run ${runId} is as of record ${state.position}; its newest is ${run.position}`;
    const problem = differs(truth, runId, state);
    if (problem !== undefined) return `read back, ${problem}`;
  }
  return undefined;
}

interface Shown {
  readonly position: Position;
  readonly bytes: Uint8Array;
}

function differs(truth: Truth, runId: RunId, { position, bytes }: Shown): string | undefined {
  const folded = truth.runs.get(runId)?.versions.get(position);
  if (folded === undefined) return `run ${runId} is held as of record ${position}, which did not touch it`;
  return folded.equals(bytes) ? undefined : `run ${runId} as of record ${position} is not the fold of its events`;
}
