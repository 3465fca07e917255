import type { RunId, TenantId, WorkflowName } from "./ids.ts";
import type { BlobRef, Payload } from "./payload.ts";
import type { TaskResult } from "./task.ts";

export interface StartRun {
  readonly type: "start";
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
  /** Resolved by the gateway: never 0 here. */
  readonly version: number;
  readonly input: Payload;
  readonly idempotencyKey: string;
  readonly inputHash: string;
  readonly traceparent: string;
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
  | AdvanceRun;
