// Every key a log line may carry. A key that is not here does not compile, so that one name means one thing everywhere.
// Never here: inputs, outputs, secrets, headers. They belong to the run's owner and are read through the API.
import type { RunId, TenantId, WorkerName, WorkflowName } from "@millrace/model/ids.ts";

export interface LogFields {
  readonly runId?: RunId;
  readonly epoch?: number;
  /** The step's name in its definition. */
  readonly step?: string;
  /** Ordinal of the `forEach` item. */
  readonly item?: number;
  readonly attempt?: number;
  readonly tenant?: TenantId;
  readonly workflow?: WorkflowName;
  readonly version?: number;
  readonly worker?: WorkerName;
  readonly taskType?: string;

  readonly shard?: number;
  readonly term?: number;
  readonly position?: number;

  /** Code of a refusal or a failure, from the catalogue. */
  readonly code?: string;
  /** What was caught; its message, stack and cause are logged. */
  readonly error?: unknown;
  /** The RPC, as `/millrace.v1.RunService/StartRun`. */
  readonly method?: string;
  /** The path below `/webhooks/`. */
  readonly webhookPath?: string;
  readonly deliveryId?: string;

  /** Where something listens. */
  readonly address?: string;
  /** A file or folder. */
  readonly path?: string;
  /** What took place how many times. */
  readonly count?: number;
  readonly bytes?: number;
  readonly durationMs?: number;
  /** The signal that stops the process. */
  readonly signal?: string;
}
