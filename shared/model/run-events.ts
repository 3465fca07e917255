// Everything that can happen to a run, as facts. Events are journaled as they are and never rewritten; a change of
// meaning is a new type or a new record version. An event's time is its record's time. `step` and `item` are ordinals
// (-1 = none). Every field is always present: one shape a type, so that the codec's structure table stays fixed.
import type { Failure, RunFailure } from "./failure.ts";
import type { RunId, Slot, TenantId, WorkerName, WorkflowName } from "./ids.ts";
import type { Lane, ParentRef, RunMessage } from "./messages.ts";
import type { Json, Payload, StepInput } from "./payload.ts";
import type { EndStatus } from "./run-state.ts";

export interface RunStarted {
  readonly type: "run-started";
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
  readonly version: number;
  readonly input: Payload;
  /** Empty = none given. */
  readonly idempotencyKey: string;
  /** Hash of what was asked, to tell a repeated key from a reused one; empty without a key. */
  readonly inputHash: string;
  /** W3C trace context of the caller; empty = none. */
  readonly traceparent: string;
  /** How many steps the pinned definition has. */
  readonly stepCount: number;
  /** null = nobody's child. */
  readonly parent: ParentRef | null;
}

/** An attempt was decided; a task for it is owed to a worker until its result is recorded. */
export interface StepScheduled {
  readonly type: "step-scheduled";
  readonly runId: RunId;
  readonly step: number;
  readonly item: number;
  readonly attempt: number;
  /** Recorded with attempt 1 only; null later, the first one stands. */
  readonly input: StepInput | null;
}

/** As step-scheduled, of a `workflow` step: the attempt is a run of its own. */
export interface ChildOrdered {
  readonly type: "child-ordered";
  readonly runId: RunId;
  readonly step: number;
  readonly item: number;
  readonly attempt: number;
  /** Recorded with attempt 1 only; null later, the first one stands. */
  readonly input: StepInput | null;
  readonly child: RunId;
  readonly workflow: WorkflowName;
  /** 0 = the newest when the child starts. */
  readonly version: number;
}

export interface StepCompleted {
  readonly type: "step-completed";
  readonly runId: RunId;
  readonly step: number;
  readonly item: number;
  readonly attempt: number;
  readonly output: Payload;
  readonly worker: WorkerName;
  readonly startedMs: number;
  readonly logs: Payload | null;
}

/** An attempt failed. With `retryAtMs` 0 it was the last one and the step (or item) has failed. */
export interface AttemptFailed {
  readonly type: "attempt-failed";
  readonly runId: RunId;
  readonly step: number;
  readonly item: number;
  readonly attempt: number;
  readonly failure: Failure;
  readonly retryAtMs: number;
  readonly worker: WorkerName;
  readonly startedMs: number;
  readonly logs: Payload | null;
}

/** A scheduled attempt came back because the run is being cancelled. */
export interface AttemptCancelled {
  readonly type: "attempt-cancelled";
  readonly runId: RunId;
  readonly step: number;
  readonly item: number;
  readonly attempt: number;
}

/** A `forEach` list was evaluated, once. Its items are scheduled later, in windows. */
export interface StepFannedOut {
  readonly type: "step-fanned-out";
  readonly runId: RunId;
  readonly step: number;
  readonly items: readonly Json[];
}

/** All items are settled; the step is complete and its output is the ordered list of theirs. */
export interface StepJoined {
  readonly type: "step-joined";
  readonly runId: RunId;
  readonly step: number;
}

export interface StepSkipped {
  readonly type: "step-skipped";
  readonly runId: RunId;
  readonly step: number;
}

/** A `transform` was computed. */
export interface StepEvaluated {
  readonly type: "step-evaluated";
  readonly runId: RunId;
  readonly step: number;
  readonly output: Payload;
}

/** The engine itself found that the step cannot succeed: an expression failed, its time-out passed. */
export interface StepFaulted {
  readonly type: "step-faulted";
  readonly runId: RunId;
  readonly step: number;
  readonly item: number;
  readonly failure: Failure;
}

export interface StepSleeping {
  readonly type: "step-sleeping";
  readonly runId: RunId;
  readonly step: number;
  readonly untilMs: number;
}

export interface StepWoke {
  readonly type: "step-woke";
  readonly runId: RunId;
  readonly step: number;
}

/** A `signal` step began to wait; `deadlineMs` 0 = for ever. */
export interface StepWaiting {
  readonly type: "step-waiting";
  readonly runId: RunId;
  readonly step: number;
  readonly signal: string;
  readonly deadlineMs: number;
}

/** A signal was accepted; it stays buffered until a step takes it. */
export interface SignalReceived {
  readonly type: "signal-received";
  readonly runId: RunId;
  readonly signalId: string;
  readonly name: string;
  readonly payload: Payload;
}

/** A waiting step took the oldest buffered signal of its name. */
export interface SignalTaken {
  readonly type: "signal-taken";
  readonly runId: RunId;
  readonly step: number;
}

export interface RunPaused {
  readonly type: "run-paused";
  readonly runId: RunId;
  readonly reason: string;
}

export interface RunResumed {
  readonly type: "run-resumed";
  readonly runId: RunId;
}

/** No step begins any more; the run ends `cancelled` when the attempts under way have come back or the grace is over. */
export interface CancelRequested {
  readonly type: "cancel-requested";
  readonly runId: RunId;
  readonly reason: string;
  readonly deadlineMs: number;
}

/** The epoch reached its one end (I4). */
export interface RunEnded {
  readonly type: "run-ended";
  readonly runId: RunId;
  readonly status: EndStatus;
  /** Set when completed. */
  readonly output: StepInput | null;
  readonly failure: RunFailure | null;
  readonly reason: string;
}

/** An ended run opened its next epoch; finished steps keep their results. */
export interface RunRetried {
  readonly type: "run-retried";
  readonly runId: RunId;
  readonly epoch: number;
  readonly requestId: string;
}

export type RunEvent =
  | RunStarted
  | StepScheduled
  | ChildOrdered
  | StepCompleted
  | AttemptFailed
  | AttemptCancelled
  | StepFannedOut
  | StepJoined
  | StepSkipped
  | StepEvaluated
  | StepFaulted
  | StepSleeping
  | StepWoke
  | StepWaiting
  | SignalReceived
  | SignalTaken
  | RunPaused
  | RunResumed
  | CancelRequested
  | RunEnded
  | RunRetried;

/** The shard took over: the first record of every term holds this and nothing else. */
export interface ShardClaimed {
  readonly type: "shard-claimed";
  readonly node: string;
}

/** The body of a definition, journaled before the first run of it, so that the shard replays from its journal alone. */
export interface DefinitionPinned {
  readonly type: "definition-pinned";
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
  readonly version: number;
  /** The parsed definition as JSON text. */
  readonly body: string;
}

/** A run asks another one for something; it stands in the record of the event that made it ask. */
export interface MessageSent {
  readonly type: "message-sent";
  /** From 1, counted by the slots of the two runs and the lane. */
  readonly number: number;
  readonly message: RunMessage;
}

/** A message counted; it stands in the record of what it did. */
export interface MessageApplied {
  readonly type: "message-applied";
  readonly from: Slot;
  readonly to: Slot;
  readonly lane: Lane;
  readonly number: number;
}

/** The receiver has everything up to here; the sender may forget it. */
export interface MessagesAcked {
  readonly type: "messages-acked";
  readonly from: Slot;
  readonly to: Slot;
  readonly lane: Lane;
  readonly upTo: number;
}

export type MessageEvent = MessageSent | MessageApplied | MessagesAcked;

export type ShardEvent = ShardClaimed | DefinitionPinned | MessageEvent;

/** What a record holds. */
export type JournalEvent = RunEvent | ShardEvent;
