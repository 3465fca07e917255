import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { RunEnd } from "@millrace/link/link.ts";
import { failureMessage } from "@millrace/rpc/failure-message.ts";
import type { RunEnd as RunEndMessage } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { statusMessage } from "@millrace/rpc/run-status.ts";
import { loadPayload } from "../payloads/payloads.ts";
import { NO_BYTES } from "./messages.ts";

/** How a run ended, as the API says it. An output that is gone with its run is empty. */
export async function runEndMessage(blobs: Blobs, end: RunEnd, ref: number): Promise<RunEndMessage> {
  const output = end.output === null ? NO_BYTES : await loadPayload(blobs, end.runId, end.output);
  return withOutput(end, ref, output ?? NO_BYTES);
}

/** The same without waiting; undefined = the output is a blob. */
export function inlineRunEndMessage(end: RunEnd, ref: number): RunEndMessage | undefined {
  if (end.output === null) return withOutput(end, ref, NO_BYTES);
  return typeof end.output === "string" ? withOutput(end, ref, Buffer.from(end.output)) : undefined;
}

function withOutput(end: RunEnd, ref: number, output: Buffer): RunEndMessage {
  return {
    ref,
    runId: end.runId,
    status: statusMessage(end.status),
    output,
    failure: end.failure === null ? undefined : failureMessage(end.failure.failure),
    failedStep: end.failedStep,
    endTimeMs: end.endedMs,
  };
}
