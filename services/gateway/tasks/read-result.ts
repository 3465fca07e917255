// A result as it came over the wire, checked. What is wrong with it fails the step, not the stream: its frame must settle.

import { FAILURE_TEXT_CHARACTERS_MAX, failureOf } from "@millrace/errors/failure.ts";
import type { Failure } from "@millrace/model/failure.ts";
import { INLINE_PAYLOAD_BYTES_MAX, type Json, json, PAYLOAD_BYTES_MAX } from "@millrace/model/payload.ts";
import type { TaskOutcome, TaskToken } from "@millrace/model/task.ts";
import { classFromMessage } from "@millrace/rpc/failure-message.ts";
import type { Failure as FailureMessage } from "@millrace/rpc/generated/millrace/v1/failures.ts";
import type { TaskResult as ResultMessage } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import { jsonText } from "../payloads/json-text.ts";
import type { ReportedResult } from "./worker-link.ts";

/** A result that can be reported as it is. */
interface PlainResult {
  readonly result: ReportedResult;
  readonly large: null;
}

/** A result whose output has to be stored before it may be reported. */
export interface LargeResult {
  readonly result: ReportedResult;
  /** The output's text. */
  readonly large: Json;
}

const LOGS_BYTES_MAX = 64 * 1024;
const CODE_CHARACTERS_MAX = 128;
const RETRY_AFTER_MS_MAX = 24 * 60 * 60 * 1_000;

const LOGS_TOO_LARGE = json('[{"t":0,"level":"warn","msg":"The logs were dropped: they are over 64 KiB."}]');
const LOGS_NOT_JSON = json('[{"t":0,"level":"warn","msg":"The logs were dropped: they are not a JSON array."}]');

/** Checks a result of the attempt `token`. */
export function readResult(
  { runId, epoch, step, item, attempt }: TaskToken,
  message: ResultMessage,
): PlainResult | LargeResult {
  const logs = readLogs(message.logs);
  const { outcome } = message;
  if (outcome?.$case === "output") {
    const output = readOutput(outcome.value);
    const large = typeof output === "string" && outcome.value.length > INLINE_PAYLOAD_BYTES_MAX ? output : null;
    const read: TaskOutcome =
      typeof output === "string" ? { type: "completed", output } : { type: "failed", failure: output };
    return { result: { runId, epoch, step, item, attempt, outcome: read, logs }, large };
  }
  return { result: { runId, epoch, step, item, attempt, outcome: otherOutcome(outcome), logs }, large: null };
}

function otherOutcome(outcome: Exclude<ResultMessage["outcome"], { $case: "output" }>): TaskOutcome {
  if (outcome === undefined)
    return { type: "failed", failure: failureOf("WORKER_ERROR", "The result has no outcome.") };
  if (outcome.$case === "cancelled") return { type: "cancelled" };
  return { type: "failed", failure: readFailure(outcome.value) };
}

function readOutput(bytes: Uint8Array): Json | Failure {
  if (bytes.length > PAYLOAD_BYTES_MAX) {
    return failureOf(
      "PAYLOAD_TOO_LARGE",
      `The output has ${bytes.length} bytes; at most ${PAYLOAD_BYTES_MAX} are taken.`,
    );
  }
  const text = jsonText(bytes);
  if (typeof text === "string") return text;
  return failureOf("OUTPUT_NOT_JSON", `The output is not UTF-8 JSON: at byte ${text.offset}, ${text.reason}.`);
}

function readFailure(message: FailureMessage): Failure {
  return {
    code: message.code === "" ? "WORKER_ERROR" : cut(message.code, CODE_CHARACTERS_MAX),
    class: classFromMessage(message.class),
    message: cut(message.message, FAILURE_TEXT_CHARACTERS_MAX),
    guidance: cut(message.guidance, FAILURE_TEXT_CHARACTERS_MAX),
    retryAfterMs: Math.min(message.retryAfterMs, RETRY_AFTER_MS_MAX),
  };
}

function readLogs(bytes: Uint8Array): Json | null {
  if (bytes.length === 0) return null;
  if (bytes.length > LOGS_BYTES_MAX) return LOGS_TOO_LARGE;
  const text = jsonText(bytes);
  if (typeof text !== "string" || !text.trimStart().startsWith("[")) return LOGS_NOT_JSON;
  return text;
}

/** The first characters, never half of a surrogate pair. */
function cut(text: string, charactersMax: number): string {
  return text.length <= charactersMax ? text : text.slice(0, charactersMax).toWellFormed();
}
