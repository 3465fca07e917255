// Refusals on the wire: a status whose `grpc-status-details-bin` trailer holds a google.rpc.Status with typed details, and
// the same details as proto JSON for the HTTP API. `call-failure.ts` reads them back.
import { status as grpcStatus, Metadata, type ServiceError } from "@grpc/grpc-js";
import { REFUSALS } from "@millrace/errors/catalogue.ts";
import { STATUSES } from "@millrace/errors/status.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import {
  BadRequest,
  ErrorInfo,
  type MessageFns,
  PreconditionFailure,
  QuotaFailure,
  RetryInfo,
} from "./generated/google/rpc/error_details.ts";
import { Status } from "./generated/google/rpc/status.ts";
import type { StartError } from "./generated/millrace/v1/runs.ts";

/** The `domain` of every ErrorInfo of Millrace. */
export const ERROR_DOMAIN = "millrace";

/** The trailer that carries a google.rpc.Status. */
export const DETAILS_TRAILER = "grpc-status-details-bin";

/** What the URL of a detail's type begins with. */
export const TYPE_URL_PREFIX = "type.googleapis.com/google.rpc.";

/**
 * Longest message and longest fix of a status, in characters, and most characters of field violations. gRPC clients on
 * the C core refuse trailers over 8 KiB in all; what repeats the message in the details is counted in.
 */
const MESSAGE_CHARACTERS_MAX = 1_024;
const FIX_CHARACTERS_MAX = 512;
const VIOLATION_CHARACTERS_MAX = 2_048;

/** One wrong field of a request. */
export interface FieldViolation {
  readonly field: string;
  /** What is wrong and what to write instead. */
  readonly description: string;
}

/**
 * The status of a refused call, for a handler's callback or `emit("error")`. `violations` replace the refusal's own field
 * when a request has several mistakes; those that do not fit into a trailer are left out, and the ErrorInfo's metadata
 * says how many (`violationsLeftOut`).
 */
export function statusOf(refusal: Refusal, violations?: readonly FieldViolation[]): ServiceError {
  const code = grpcStatus[REFUSALS[refusal.code].status];
  const message = messageOf(refusal);
  const details = detailsOf(refusal, violations ?? ownViolation(refusal)).map(({ type, value }) => ({
    typeUrl: TYPE_URL_PREFIX + type,
    value: Buffer.from(value),
  }));
  const metadata = new Metadata();
  metadata.set(DETAILS_TRAILER, Buffer.from(Status.encode({ code, message, details }).finish()));
  return Object.assign(new Error(message), { code, details: message, metadata });
}

/** The HTTP API's answer to the same refusal: the status line's number, and a google.rpc.Status as proto JSON. */
export function httpAnswerOf(
  refusal: Refusal,
  violations?: readonly FieldViolation[],
): { readonly httpStatus: number; readonly body: unknown } {
  const entry = STATUSES[REFUSALS[refusal.code].status];
  const details = detailsOf(refusal, violations ?? ownViolation(refusal)).map(({ type, json }) => ({
    "@type": TYPE_URL_PREFIX + type,
    ...json,
  }));
  return { httpStatus: entry.http, body: { code: entry.grpc, message: messageOf(refusal), details } };
}

/** The refusal of one start of a batch. */
export function startErrorOf(refusal: Refusal): StartError {
  return {
    code: STATUSES[REFUSALS[refusal.code].status].grpc,
    reason: refusal.code,
    message: messageOf(refusal),
    retryDelayMs: refusal.retryDelayMs,
  };
}

/** A detail, encoded and as proto JSON. */
interface Detail {
  readonly type: string;
  readonly value: Uint8Array;
  readonly json: object;
}

function detailsOf(refusal: Refusal, violations: readonly FieldViolation[]): Detail[] {
  const status = REFUSALS[refusal.code].status;
  const fitting = fittingViolations(violations);
  const metadata: Record<string, string> = { fix: refusal.fix.slice(0, FIX_CHARACTERS_MAX).toWellFormed() };
  if (fitting.length < violations.length) metadata["violationsLeftOut"] = String(violations.length - fitting.length);
  const details = [detail("ErrorInfo", ErrorInfo, { reason: refusal.code, domain: ERROR_DOMAIN, metadata })];
  if (fitting.length > 0) {
    details.push(detail("BadRequest", BadRequest, BadRequest.fromPartial({ fieldViolations: fitting })));
  }
  const description = refusal.message.slice(0, MESSAGE_CHARACTERS_MAX).toWellFormed();
  if (status === "FAILED_PRECONDITION") {
    const violation = { type: refusal.code, subject: refusal.field, description };
    details.push(detail("PreconditionFailure", PreconditionFailure, { violations: [violation] }));
  }
  if (status === "RESOURCE_EXHAUSTED") {
    const violation = { subject: refusal.code, description };
    details.push(detail("QuotaFailure", QuotaFailure, QuotaFailure.fromPartial({ violations: [violation] })));
  }
  if (refusal.retryDelayMs > 0) details.push(retryDetail(refusal.retryDelayMs));
  return details;
}

function detail<T>(type: string, codec: MessageFns<T>, message: T): Detail {
  return { type, value: codec.encode(message).finish(), json: { ...toObject(codec.toJSON(message)) } };
}

function retryDetail(delayMs: number): Detail {
  const retryDelayMs = Math.ceil(delayMs);
  const retryDelay = { seconds: Math.floor(retryDelayMs / 1_000), nanos: (retryDelayMs % 1_000) * 1_000_000 };
  return {
    type: "RetryInfo",
    value: RetryInfo.encode({ retryDelay }).finish(),
    // ts-proto writes a Duration as an object; proto JSON is seconds with an "s".
    json: { retryDelay: `${retryDelayMs / 1_000}s` },
  };
}

function toObject(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}

function fittingViolations(violations: readonly FieldViolation[]): { field: string; description: string }[] {
  const fitting: { field: string; description: string }[] = [];
  let characters = 0;
  for (const { field, description } of violations) {
    characters += field.length + description.length;
    if (characters > VIOLATION_CHARACTERS_MAX) break;
    fitting.push({ field, description });
  }
  return fitting;
}

function ownViolation(refusal: Refusal): readonly FieldViolation[] {
  return refusal.field === "" ? [] : [{ field: refusal.field, description: messageOf(refusal) }];
}

/** What is wrong and what to do, in one text. */
function messageOf(refusal: Refusal): string {
  const message = refusal.message.slice(0, MESSAGE_CHARACTERS_MAX).toWellFormed();
  return refusal.fix === "" ? message : `${message} ${refusal.fix.slice(0, FIX_CHARACTERS_MAX).toWellFormed()}`;
}
