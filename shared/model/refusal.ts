/** Stable codes of refused requests. Each has a row in `shared/errors` (gRPC status, fix) and a page in docs/errors. */
export type RefusalCode =
  | "INVALID_ARGUMENT"
  | "RUN_NOT_FOUND"
  | "WORKFLOW_NOT_FOUND"
  | "WORKFLOW_INVALID"
  | "IDEMPOTENCY_KEY_REUSED"
  | "RUN_ENDED"
  | "RUN_NOT_ENDED"
  | "RUN_NOT_FAILED"
  | "RUN_NOT_PAUSED"
  | "PAYLOAD_TOO_LARGE"
  | "SIGNAL_BUFFER_FULL"
  | "SHARD_OVERLOADED"
  | "SHARD_UNAVAILABLE"
  | "DISK_FULL"
  | "NOT_CLUSTERED"
  | "NODE_NOT_FOUND"
  | "SHARD_NOT_FOUND"
  | "COORDINATOR_UNAVAILABLE"
  | "SNAPSHOT_FAILED";

/** A request that changed nothing, and why. Expected, so a value, never thrown inside. */
export interface Refusal {
  readonly code: RefusalCode;
  /** The request field that is wrong; empty when no single field is. */
  readonly field: string;
  /** What is wrong with the value, naming value and bound. */
  readonly message: string;
  /** What the caller can do. */
  readonly fix: string;
  /** When trying again makes sense, in ms; 0 = it does not. */
  readonly retryDelayMs: number;
}
