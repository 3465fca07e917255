// The folded state of one run. `evolve` alone writes it, in place, from events. Plain data: the codec packs it as it is.
// A step's state is a union with only the fields that are valid in that state.
import type { Failure, RunFailure } from "./failure.ts";
import type { RunId, TenantId, WorkerName, WorkflowName } from "./ids.ts";
import type { ParentRef } from "./messages.ts";
import type { Json, Payload, StepInput } from "./payload.ts";

export type EndStatus = "completed" | "failed" | "cancelled" | "timed-out" | "terminated";
export type LiveStatus = "running" | "paused" | "cancelling";
export type RunStatus = LiveStatus | EndStatus;

/** One failed try, kept for the timeline. */
export interface FailedAttempt {
  readonly attempt: number;
  readonly scheduledMs: number;
  /** When a worker was given it, 0 = never. */
  readonly startedMs: number;
  readonly endedMs: number;
  readonly worker: WorkerName;
  readonly failure: Failure;
  readonly logs: Payload | null;
}

/** How often one distinct error (code and message) occurred. */
export interface ErrorCount {
  readonly code: string;
  readonly message: string;
  count: number;
}

/** What is kept of failed attempts: the first, the last ten, and counts of the ten most recent distinct errors (DESIGN §5). */
export interface AttemptLog {
  first: FailedAttempt;
  /** Without `first`; oldest first. */
  recent: FailedAttempt[];
  errors: ErrorCount[];
}

/** An attempt is owed to or held by a worker. */
export interface TaskScheduled {
  readonly status: "scheduled";
  readonly attempt: number;
  /** The epoch whose idempotency key this task uses. */
  readonly keyEpoch: number;
  readonly input: StepInput;
  readonly firstScheduledMs: number;
  readonly scheduledMs: number;
  readonly log: AttemptLog | null;
}

/** Waiting for its next attempt. */
export interface TaskBackoff {
  readonly status: "backoff";
  /** The last one that failed. */
  readonly attempt: number;
  readonly keyEpoch: number;
  readonly input: StepInput;
  readonly firstScheduledMs: number;
  readonly retryAtMs: number;
  readonly log: AttemptLog;
}

export interface TaskCompleted {
  readonly status: "completed";
  readonly attempt: number;
  readonly keyEpoch: number;
  readonly input: StepInput;
  readonly firstScheduledMs: number;
  readonly scheduledMs: number;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly worker: WorkerName;
  readonly output: Payload;
  readonly logs: Payload | null;
  readonly log: AttemptLog | null;
}

/** The last attempt failed for a known reason. */
export interface TaskFailed {
  readonly status: "failed";
  readonly attempt: number;
  readonly keyEpoch: number;
  readonly input: StepInput;
  readonly firstScheduledMs: number;
  readonly endedMs: number;
  readonly failure: Failure;
  readonly log: AttemptLog;
}

/** Given up before its outcome was known: the run ended, or its step timed out. A retry keeps its idempotency key. */
export interface TaskAbandoned {
  readonly status: "abandoned";
  readonly attempt: number;
  readonly keyEpoch: number;
  readonly input: StepInput;
  readonly firstScheduledMs: number;
  readonly endedMs: number;
  readonly log: AttemptLog | null;
  /** The child run that was given up with it; null for a task. */
  readonly child: RunId | null;
}

export type TaskState = TaskScheduled | TaskBackoff | TaskCompleted | TaskFailed | TaskAbandoned;

export interface StepPending {
  readonly status: "pending";
}
export interface StepSkippedState {
  readonly status: "skipped";
  readonly atMs: number;
}
/** A `transform`, `sleep` or `signal` that is over. */
export interface StepDone {
  readonly status: "done";
  readonly sinceMs: number;
  readonly endedMs: number;
  readonly output: Payload;
}
/** Failed inside the engine: an expression, a time-out, a signal that never came. */
export interface StepFaultedState {
  readonly status: "faulted";
  readonly sinceMs: number;
  readonly endedMs: number;
  readonly failure: Failure;
}
export interface StepSleepingState {
  readonly status: "sleeping";
  readonly sinceMs: number;
  readonly untilMs: number;
}
export interface StepWaitingState {
  readonly status: "waiting";
  readonly sinceMs: number;
  readonly signal: string;
  /** 0 = none. */
  readonly deadlineMs: number;
}
/** A `forEach` under way or over (`joined`). */
export interface StepItems {
  status: "fanned-out" | "joined" | "items-failed";
  /** When it was fanned out, or its epoch began: its time-out counts from here. */
  sinceMs: number;
  endedMs: number;
  /** The list's elements, as evaluated. */
  readonly items: readonly Json[];
  /** One an item, null until scheduled. */
  readonly tasks: (TaskState | null)[];
  /** Ordinal of the first item never scheduled. */
  next: number;
  /** How many are scheduled or in backoff. */
  open: number;
  /** How many are completed. */
  completed: number;
  /** Bytes of the completed ones' outputs, a comma each: what their list would have. Not stored: it follows from them. */
  outputBytes: number;
}

export type StepState =
  | StepPending
  | StepSkippedState
  | StepDone
  | StepFaultedState
  | StepSleepingState
  | StepWaitingState
  | StepItems
  | TaskState;

export interface BufferedSignal {
  readonly name: string;
  readonly payload: Payload;
}

/** A child run under way, and the step or item (-1 = none) whose attempt it is. */
export interface OpenChild {
  readonly step: number;
  readonly item: number;
  readonly child: RunId;
}

export interface RunState {
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
  readonly version: number;
  status: RunStatus;
  /** From 1. */
  epoch: number;
  readonly input: Payload;
  output: StepInput | null;
  failure: RunFailure | null;
  /** Why it was paused, cancelled or terminated. */
  reason: string;
  readonly idempotencyKey: string;
  readonly inputHash: string;
  readonly traceparent: string;
  readonly startedMs: number;
  epochStartedMs: number;
  /** 0 while live. */
  endedMs: number;
  /** When a cancellation stops waiting for workers; 0 = none asked for. */
  cancelDeadlineMs: number;
  readonly steps: StepState[];
  /** Steps not yet settled. */
  openSteps: number;
  /** Attempts owed to or held by workers, items included, and children under way. */
  openAttempts: number;
  /** What the state takes: a byte a character of payloads, and fixed amounts for tasks, items and attempts. */
  stateBytes: number;
  /** Oldest first; at most SIGNALS_BUFFERED_MAX. */
  signals: BufferedSignal[];
  /** The IDs of the newest signals accepted, oldest first, for de-duplication (I3). At most SIGNAL_IDS_MAX. */
  signalIds: string[];
  /** The newest retries that had a `request_id`, oldest first: a repeated one gets the first answer (I3). At most RETRIES_KEPT_MAX. */
  retries: RequestedRetry[];
  /** The run that ordered this one; null = none did. */
  readonly parent: ParentRef | null;
  /** Children under way, by step and item; of an ended run those that were when it ended. null = none. At most CHILDREN_OPEN_MAX. */
  children: OpenChild[] | null;
}

/** A RetryRun that can be repeated. */
export interface RequestedRetry {
  readonly requestId: string;
  /** The epoch it opened. */
  readonly epoch: number;
}

/** What can be told of a run without a look at its steps. */
export type RunHead = Omit<RunState, "steps" | "signals" | "signalIds">;
