import type { Failure } from "./failure.ts";
import type { RunId, TenantId, WorkflowName } from "./ids.ts";
import type { RunStatus } from "./run-state.ts";

/** A run in a few lines: all but its payloads and steps, however many it has. */
export interface RunSummary {
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
  readonly version: number;
  readonly status: RunStatus;
  readonly epoch: number;
  readonly startedMs: number;
  /** 0 while live. */
  readonly endedMs: number;
  /** Why it failed; while it retries, the newest error. null = neither. */
  readonly failure: Failure | null;
  /** Name of the step that failed, or retries; empty if none. */
  readonly failedStep: string;
  /** Why it was paused, cancelled or terminated. */
  readonly reason: string;
  readonly idempotencyKey: string;
  /** Steps and items waiting for their next attempt. */
  readonly retryingSteps: number;
  /** When the next of those attempts is due; 0 = none is. */
  readonly nextAttemptMs: number;
  readonly stepsTotal: number;
  /** Completed or skipped. */
  readonly stepsSettled: number;
}
