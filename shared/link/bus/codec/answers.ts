// Replies, refusals and ends in the frames of a shard.
import { isRefusalCode } from "@millrace/errors/refusal.ts";
import type { Failure } from "@millrace/model/failure.ts";
import { type RunId, runId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { EndStatus, RunStatus } from "@millrace/model/run-state.ts";
import { classFromMessage, failureMessage } from "@millrace/rpc/failure-message.ts";
import type {
  Refusal as RefusalMessage,
  Reply as ReplyMessage,
  RunEnd as RunEndMessage,
} from "@millrace/rpc/generated/millrace/internal/v1/link.ts";
import type { Failure as FailureMessage } from "@millrace/rpc/generated/millrace/v1/failures.ts";
import { statusFromMessage, statusMessage } from "@millrace/rpc/run-status.ts";
import type { Reply, RunEnd } from "../../link.ts";
import { blobOf, itemsOf, passedOf, payloadLength, textOf } from "./payloads.ts";

/** What an answer takes in a frame beside its payload, about. */
export const ANSWER_LENGTH = 80;

/** What was not settled before was done to the run that the command named, so its ID need not travel back. */
export function replyMessage(reply: Reply): ReplyMessage {
  if (reply.type === "done") {
    const { ref, epoch, repeated } = reply;
    return { ref, epoch, repeated, runId: repeated ? reply.runId : "", refusal: undefined };
  }
  return { ref: reply.ref, epoch: 0, repeated: false, runId: "", refusal: refusalMessage(reply.refusal) };
}

/** `asked`: the run the command named. */
export function replyOf({ ref, epoch, repeated, runId: run, refusal }: ReplyMessage, asked: RunId): Reply {
  if (refusal !== undefined) return { type: "refused", ref, refusal: refusalOf(refusal) };
  return { type: "done", ref, runId: run === "" ? asked : runId(run), repeated, epoch };
}

export function refusalMessage({ code, field, message, fix, retryDelayMs }: Refusal): RefusalMessage {
  return { code, field, message, fix, retryDelayMs: Math.ceil(retryDelayMs) };
}

/** A code that only a newer version knows says at least that the request was wrong, or that it is to be made later. */
export function refusalOf({ code, field, message, fix, retryDelayMs }: RefusalMessage): Refusal {
  const known = isRefusalCode(code) ? code : retryDelayMs > 0 ? "SHARD_OVERLOADED" : "INVALID_ARGUMENT";
  return { code: known, field, message, fix, retryDelayMs };
}

export function failureOf({ code, class: failureClass, message, guidance, retryAfterMs }: FailureMessage): Failure {
  return { code, class: classFromMessage(failureClass), message, guidance, retryAfterMs };
}

/** How much room an end takes, about. */
export function endLength({ output }: RunEnd): number {
  return ANSWER_LENGTH + payloadLength(output);
}

export function endMessage(end: RunEnd): RunEndMessage {
  const { output, failure } = end;
  return {
    ref: end.ref,
    runId: end.runId,
    epoch: end.epoch,
    status: statusMessage(end.status),
    output: textOf(output),
    outputBlob: blobOf(output),
    outputItems: itemsOf(output),
    failure: failure === null ? undefined : failureMessage(failure.failure),
    step: failure === null ? 0 : failure.step + 1,
    item: failure === null ? 0 : failure.item + 1,
    failedStep: end.failedStep,
    endedMs: end.endedMs,
  };
}

export function endOf(message: RunEndMessage): RunEnd {
  const { step, item } = message;
  const failure = message.failure === undefined ? null : failureOf(message.failure);
  return {
    ref: message.ref,
    runId: runId(message.runId),
    epoch: message.epoch,
    status: endStatusOf(statusFromMessage(message.status), failure !== null),
    output: passedOf(message.output, message.outputBlob, message.outputItems),
    failure: failure === null ? null : { step: step - 1, item: item - 1, failure },
    failedStep: message.failedStep,
    endedMs: message.endedMs,
  };
}

/** An end that only a newer version knows is an end all the same, and whoever waits must hear of it. */
export function endStatusOf(status: RunStatus | undefined, failed: boolean): EndStatus {
  switch (status) {
    case "completed":
    case "failed":
    case "cancelled":
    case "timed-out":
    case "terminated":
      return status;
    default:
      return failed ? "failed" : "terminated";
  }
}
