// What one command is decided with, and the one way to make something happen: `emit`.
import type { Failure } from "@millrace/model/failure.ts";
import type { BlobRef, Payload } from "@millrace/model/payload.ts";
import type { Moment, Reaction } from "@millrace/model/reaction.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { RunEvent } from "@millrace/model/run-events.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import type { Plan, PlanStep } from "../plan/plan.ts";
import { evolve } from "./evolve.ts";
import type { BlobText } from "./input.ts";
import { react } from "./react.ts";

/** How many events one command may make; the rest follows with `advance`. Keeps one run from filling a turn (I7). */
export const COMMAND_EVENTS_MAX = 256;
/** How many bytes of computed payload one command may put into events before it stops scheduling. */
export const COMMAND_BYTES_MAX = 128 * 1024;
/**
 * The most one command can put into a record: its own payload and logs (64 KiB each), a `forEach` list (256 KiB), the
 * budget above overshot by one payload (64 KiB), and 128 bytes for the rest of each event.
 */
export const COMMAND_RECORD_BYTES_MAX = (64 + 64 + 256 + 128 + 64 + 32) * 1024;
/** UTF-8 bytes a UTF-16 code unit takes at most. */
export const BYTES_PER_UNIT_MAX = 3;

/** Decides one command. The caller owns `events` and `reactions` and shares them among the commands of a turn. */
export interface Decision {
  /** Undefined until `run-started`. */
  run: RunState | undefined;
  readonly plan: Plan;
  readonly at: Moment;
  readonly events: RunEvent[];
  readonly reactions: Reaction[];
  /** Has the texts of some blobs at hand; while this is decided it has neither more nor fewer. */
  readonly blobText: BlobText;
  /** Blobs that are known to be gone or damaged. */
  lost: readonly BlobRef[];
  eventsLeft: number;
  bytesLeft: number;
  /** Whether `advance` was asked for: once a command is enough. */
  advanceAsked: boolean;
  /** Whether there is room for messages, and so for ordering children. */
  readonly canOrder: boolean;
  /** Whether `await-room` was asked for. */
  roomAwaited: boolean;
  /** Whether texts of blobs were asked for: what else is missing is asked for by the `advance` that follows. */
  loadAsked: boolean;
}

/** Where something failed: the step's ordinal and the item's, -1 for none. */
export interface Place {
  readonly step: number;
  readonly item: number;
}

/** The run itself. */
export const WHOLE_RUN: Place = { step: -1, item: -1 };

export function wholeStep(step: PlanStep): Place {
  return { step: step.index, item: -1 };
}

/** What a command came to. */
export type Decided = Done | Refusal;

/** Accepted; `repeated` = it had been settled before and changed nothing (I3). */
export interface Done {
  readonly type: "done";
  readonly repeated: boolean;
  /** The epoch it was about; 0 = the run's newest. */
  readonly epoch: number;
}

export const DONE: Done = { type: "done", repeated: false, epoch: 0 };
export const REPEATED: Done = { type: "done", repeated: true, epoch: 0 };

/** Records an event: it changes the state at once, so that the next decision sees it, and asks for its reactions. */
export function emit(decision: Decision, event: RunEvent): RunState {
  decision.events.push(event);
  const run = evolve(decision.run, event, decision.at.nowMs);
  decision.run = run;
  react(run, decision.plan, event, decision.reactions);
  decision.eventsLeft--;
  return run;
}

/** Counts a payload that an event is about to carry, at its worst: counting exactly costs more than it saves. */
export function spend(decision: Decision, payload: Payload): void {
  decision.bytesLeft -= typeof payload === "string" ? payload.length * BYTES_PER_UNIT_MAX : 96;
}

/** Whether this command should stop scheduling and go on with `advance`. */
export function spent(decision: Decision): boolean {
  return decision.eventsLeft <= 0 || decision.bytesLeft <= 0;
}

/** Asks for an `advance` command, which goes on where this one's budget ran out. */
export function askToAdvance(decision: Decision, run: RunState): void {
  if (decision.advanceAsked) return;
  decision.advanceAsked = true;
  decision.reactions.push({ type: "advance", runId: run.runId });
}

/** Ends the epoch because something in it failed for good. */
export function failRun(decision: Decision, run: RunState, { step, item }: Place, failure: Failure): void {
  emit(decision, {
    type: "run-ended",
    runId: run.runId,
    status: "failed",
    output: null,
    failure: { step, item, failure },
    reason: "",
  });
}

/** Fails a step inside the engine, and with it the run. */
export function faultStep(decision: Decision, run: RunState, place: Place, failure: Failure): void {
  const { step, item } = place;
  emit(decision, { type: "step-faulted", runId: run.runId, step, item, failure });
  failRun(decision, run, place, failure);
}
