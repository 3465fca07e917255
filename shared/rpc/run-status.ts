// The statuses of runs on the wire.
import type { RunStatus } from "@millrace/model/run-state.ts";
import { RunStatus as RunStatusMessage } from "./generated/millrace/v1/runs.ts";

const MESSAGES: Readonly<Record<RunStatus, RunStatusMessage>> = {
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

export function statusMessage(status: RunStatus): RunStatusMessage {
  return MESSAGES[status];
}

/** undefined = unspecified, or a status of a newer version. */
export function statusFromMessage(status: RunStatusMessage): RunStatus | undefined {
  return BY_MESSAGE.get(status);
}
