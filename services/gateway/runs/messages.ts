// Small pieces of the API's messages that more than one answer holds.
import type { Failure } from "@millrace/model/failure.ts";
import type { RunStatus } from "@millrace/model/run-state.ts";
import { FailureClass, type Failure as FailureMessage } from "@millrace/rpc/generated/millrace/v1/failures.ts";
import { RunStatus as RunStatusMessage } from "@millrace/rpc/generated/millrace/v1/runs.ts";

/** No payload. */
export const NO_BYTES = Buffer.alloc(0);

const STATUSES: Readonly<Record<RunStatus, RunStatusMessage>> = {
  running: RunStatusMessage.RUNNING,
  paused: RunStatusMessage.PAUSED,
  cancelling: RunStatusMessage.CANCELLING,
  completed: RunStatusMessage.COMPLETED,
  failed: RunStatusMessage.FAILED,
  cancelled: RunStatusMessage.CANCELLED,
  "timed-out": RunStatusMessage.TIMED_OUT,
  terminated: RunStatusMessage.TERMINATED,
};

const BY_MESSAGE = new Map<RunStatusMessage, RunStatus>([
  [RunStatusMessage.RUNNING, "running"],
  [RunStatusMessage.PAUSED, "paused"],
  [RunStatusMessage.CANCELLING, "cancelling"],
  [RunStatusMessage.COMPLETED, "completed"],
  [RunStatusMessage.FAILED, "failed"],
  [RunStatusMessage.CANCELLED, "cancelled"],
  [RunStatusMessage.TIMED_OUT, "timed-out"],
  [RunStatusMessage.TERMINATED, "terminated"],
]);

const CLASSES = {
  transient: FailureClass.TRANSIENT,
  permanent: FailureClass.PERMANENT,
  uncertain: FailureClass.UNCERTAIN,
} as const;

export function statusMessage(status: RunStatus): RunStatusMessage {
  return STATUSES[status];
}

/** undefined = unspecified, or a status of a newer client. */
export function statusFromMessage(status: RunStatusMessage): RunStatus | undefined {
  return BY_MESSAGE.get(status);
}

export function failureMessage(failure: Failure): FailureMessage {
  const { code, message, guidance, retryAfterMs } = failure;
  return { code, class: CLASSES[failure.class], message, guidance, retryAfterMs };
}

/** A point in time; 0 = none. */
export function timeMessage(epochMs: number): Date | undefined {
  return epochMs === 0 ? undefined : new Date(epochMs);
}
