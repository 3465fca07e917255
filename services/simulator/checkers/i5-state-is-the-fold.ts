import { isDeepStrictEqual } from "node:util";
import { decodeRunState, encodeRunState } from "@millrace/codec/run-state-v1.ts";
import { evolve } from "@millrace/core/run/evolve.ts";
import { retryingOf, summarise } from "@millrace/core/run/summarise.ts";
import type { ListedRun, RunView } from "@millrace/link/link.ts";
import { type Position, type RunId, SLOT_COUNT, type Slot } from "@millrace/model/ids.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import type { Checker, Observation } from "./observation.ts";
import type { Truth } from "./truth.ts";

/** Whatever shows a run, its bytes are those of the fold from its first event; so are the numbers of messages. */
export function stateIsTheFold(shards: number): Checker {
  return {
    invariant: "I5",
    see(seen, truth) {
      switch (seen.type) {
        case "view": {
          const problem = differs(truth, seen.view.runId, seen.view);
          return problem === undefined || isBetweenEvents(truth, seen.view) ? undefined : problem;
        }
        case "row":
          return rowDiffers(truth, seen.row);
        case "stored":
          return differs(truth, seen.runId, seen.stored);
        case "recovered":
          return recoveredDiffers(truth, seen) ?? waysDiffer(truth, seen, shards);
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

function waysDiffer(
  truth: Truth,
  { shard, found }: Observation & { type: "recovered" },
  shards: number,
): string | undefined {
  const isOf = (at: Slot): boolean => Math.floor((at * shards) / SLOT_COUNT) === shard;
  let open = 0;
  for (const [name, way] of truth.ways.ways) {
    if (isOf(way.to) && found.standing(way, way.applied + 1) !== "next")
      return `read back, way ${name} does not go on after ${way.applied}`;
    const waiting = way.sent.slice(way.acked);
    if (!isOf(way.from) || waiting.length === 0) continue;
    open++;
    const known = found.waiting.get(name);
    if (known?.acked !== way.acked || JSON.stringify(known.waiting) !== JSON.stringify(waiting))
      return `read back, of way ${name} other messages wait than ${way.acked + 1} to ${way.sent.length}`;
  }
  return open === found.waiting.size
    ? undefined
    : `read back, messages of ${found.waiting.size} ways wait, not of ${open}`;
}

interface Shown {
  readonly position: Position;
  readonly bytes: Uint8Array;
}

function differs(truth: Truth, runId: RunId, { position, bytes }: Shown): string | undefined {
  const folded = truth.runs.get(runId)?.versions.get(position);
  if (folded === undefined) return `run ${runId} is held as of record ${position}, which did not touch it`;
  return folded.bytes.equals(bytes) ? undefined : `run ${runId} as of record ${position} is not the fold of its events`;
}

/** A read may fall between two commands of a turn, and then shows only the first of the record's events. */
function isBetweenEvents(truth: Truth, { runId, position, bytes }: RunView): boolean {
  for (const state of statesWithin(truth, runId, position)) if (encodeRunState(state).equals(bytes)) return true;
  return false;
}

/** A line of a list is the summary of a state that the run was in. */
function rowDiffers(truth: Truth, { position, ...row }: ListedRun): string | undefined {
  const steps = truth.runs.get(row.runId)?.plan.steps ?? [];
  for (const state of statesWithin(truth, row.runId, position))
    if (isDeepStrictEqual(summarise(state, steps, retryingOf(state)), row)) return undefined;
  return `the list's line of run ${row.runId} as of record ${position} says what it never was`;
}

/** What a run was after each event of a record: one state, changed in place. */
function* statesWithin(truth: Truth, runId: RunId, position: Position): Generator<RunState> {
  const versions = truth.runs.get(runId)?.versions;
  const version = versions?.get(position);
  if (versions === undefined || version === undefined) return;
  const positions = [...versions.keys()];
  const before = positions[positions.indexOf(position) - 1];
  const earlier = before === undefined ? undefined : versions.get(before);
  let state = earlier === undefined ? undefined : decodeRunState(earlier.bytes);
  for (const event of version.events) {
    state = evolve(state, event, version.timeMs);
    yield state;
  }
}
