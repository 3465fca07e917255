import type { Failure } from "./failure.ts";
import type { RunId, Slot, TenantId, WorkflowName } from "./ids.ts";
import type { ChildPlace, Lane, ParentRef } from "./messages.ts";
import type { BlobRef, Payload } from "./payload.ts";
import type { EndStatus } from "./run-state.ts";
import type { TaskResult } from "./task.ts";

export interface StartRun {
  readonly type: "start";
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
  /** Resolved by the gateway; 0 = the newest, for a child alone. */
  readonly version: number;
  readonly input: Payload;
  readonly idempotencyKey: string;
  readonly inputHash: string;
  readonly traceparent: string;
  /** The run that ordered this one; null = none did. */
  readonly parent: ParentRef | null;
}
/** A worker's outcome, or the dispatcher's word for it (time-out, lost worker). */
export interface RecordResult {
  readonly type: "result";
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly result: TaskResult;
}
export interface SignalRun {
  readonly type: "signal";
  readonly tenant: TenantId;
  readonly runId: RunId;
  /** De-duplicates; empty = every delivery counts. */
  readonly signalId: string;
  readonly name: string;
  readonly payload: Payload;
}
export interface CancelRun {
  readonly type: "cancel";
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly reason: string;
}
export interface TerminateRun {
  readonly type: "terminate";
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly reason: string;
}
export interface PauseRun {
  readonly type: "pause";
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly reason: string;
}
export interface ResumeRun {
  readonly type: "resume";
  readonly tenant: TenantId;
  readonly runId: RunId;
}
/** Opens the next epoch of a run that ended other than completed, keeping finished steps. */
export interface RetryRun {
  readonly type: "retry";
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly requestId: string;
}
/** Something in the run's state may be due: sleeps, retries, deadlines. Finding nothing due is normal. */
export interface TimerDue {
  readonly type: "timer-due";
  readonly tenant: TenantId;
  readonly runId: RunId;
}
/** Go on where the last command's budget ran out, or where texts of blobs were missing. */
export interface AdvanceRun {
  readonly type: "advance";
  readonly tenant: TenantId;
  readonly runId: RunId;
  /** Of the blobs the run asked for, those that are gone or damaged: they will never be read. */
  readonly lost: readonly BlobRef[];
}

/** What became of a child, told to its parent once. */
export interface SettleChild extends ChildPlace {
  readonly type: "child-ended";
  readonly tenant: TenantId;
  /** The parent. */
  readonly runId: RunId;
  readonly child: RunId;
  /** How the child ended; `started` for a parent that does not wait, `refused` for a child that could not begin. */
  readonly status: EndStatus | "started" | "refused";
  /** Of a completed child. */
  readonly output: Payload | null;
  /** Why the child failed or was refused, as far as it is still known. */
  readonly failure: Failure | null;
  /** When the child began, epoch ms; 0 = never. */
  readonly startedMs: number;
}

/** What a message between runs asks of the one that gets it; null = nothing any more. */
export type MessageContent = StartRun | CancelRun | TerminateRun | SettleChild | null;

/**
 * A message from a run of another slot. It counts once, in the order of its numbers: a repeated one is answered as such,
 * one before its turn is refused SHARD_UNAVAILABLE, to be sent again.
 */
export interface ReceiveMessage {
  readonly type: "message";
  readonly tenant: TenantId;
  /** The run that gets it. */
  readonly runId: RunId;
  /** The slot of the run that sent it. */
  readonly from: Slot;
  readonly lane: Lane;
  /** From 1, counted by sending slot, receiving slot and lane. */
  readonly number: number;
  readonly content: MessageContent;
}

export type RunCommand =
  | StartRun
  | RecordResult
  | SignalRun
  | CancelRun
  | TerminateRun
  | PauseRun
  | ResumeRun
  | RetryRun
  | TimerDue
  | AdvanceRun
  | SettleChild;

/** What is handed to a shard: a command for a run, or a message to one. */
export type ShardCommand = RunCommand | ReceiveMessage;
