import type { Failure } from "./failure.ts";
import type { RunId, TenantId, WorkerName, WorkflowName } from "./ids.ts";
import type { PassedPayload, Payload } from "./payload.ts";

/** Names one attempt of one step (or item) of one epoch of a run. A result must carry it unchanged (I3). */
export interface TaskToken {
  readonly runId: RunId;
  readonly epoch: number;
  /** Ordinal of the step in the definition. */
  readonly step: number;
  /** Ordinal of the `forEach` item; -1 for none. */
  readonly item: number;
  /** From 1. */
  readonly attempt: number;
}

/** An attempt whose result a shard waits for. */
export interface OwedAttempt extends TaskToken {
  readonly tenant: TenantId;
  /** From dispatch to result, ms. */
  readonly timeoutMs: number;
}

/** An attempt as a worker sees it. */
export interface Task extends OwedAttempt {
  readonly workflow: WorkflowName;
  readonly stepName: string;
  /** What the worker registered a handler for. */
  readonly taskType: string;
  /** JSON text, or references the gateway resolves before it sends the task on. */
  readonly input: PassedPayload;
  /** The same for all automatic attempts of this step or item in this epoch. */
  readonly idempotencyKey: string;
}

/** What came of an attempt. */
export type TaskOutcome =
  | { readonly type: "completed"; readonly output: Payload }
  | { readonly type: "failed"; readonly failure: Failure }
  /** The worker stopped because it was asked to. */
  | { readonly type: "cancelled" };

/** An attempt's outcome and who made it. */
export interface TaskResult extends TaskToken {
  readonly outcome: TaskOutcome;
  readonly worker: WorkerName;
  /** When the worker's gateway handed the task out, epoch ms; 0 = it never was. */
  readonly startedMs: number;
  /** What the attempt logged, JSON text of an array of lines; null = nothing. */
  readonly logs: Payload | null;
}
