// What a client can know of a failed call: the counterpart of `error-details.ts`. Callers branch on `reason`, never on text.
import type { Metadata } from "@grpc/grpc-js";
import { isRefusalCode } from "@millrace/errors/refusal.ts";
import { type StatusName, statusName } from "@millrace/errors/status.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import { DETAILS_TRAILER, ERROR_DOMAIN, type FieldViolation, TYPE_URL_PREFIX } from "./error-details.ts";
import { BadRequest, ErrorInfo, RetryInfo } from "./generated/google/rpc/error_details.ts";
import { Status } from "./generated/google/rpc/status.ts";

/** The part of a grpc-js `ServiceError` that is read here. */
export interface FailedCall {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

export interface CallFailure {
  readonly status: StatusName;
  /** The refusal's code; of a newer server perhaps one unknown here; empty when the status has no details of Millrace. */
  readonly reason: string;
  /** What went wrong, without the fix. */
  readonly message: string;
  readonly fix: string;
  readonly violations: readonly FieldViolation[];
  /** When trying again makes sense, ms; 0 = not said. */
  readonly retryDelayMs: number;
}

/** Reads a failed call's status and details. Details that cannot be decoded count as absent. */
export function callFailureOf(error: FailedCall): CallFailure {
  const found = readDetails(error.metadata);
  const { details, code } = error;
  const message =
    found.fix !== "" && details.endsWith(` ${found.fix}`) ? details.slice(0, -found.fix.length - 1) : details;
  return { status: statusName(code), message, ...found };
}

/** The refusal a status was made of; undefined when it was none, or one that only a newer server knows. */
export function refusalOf(error: FailedCall): Refusal | undefined {
  const { reason, message, fix, violations, retryDelayMs } = callFailureOf(error);
  if (!isRefusalCode(reason)) return undefined;
  return { code: reason, field: violations[0]?.field ?? "", message, fix, retryDelayMs };
}

type Details = Pick<CallFailure, "reason" | "fix" | "violations" | "retryDelayMs">;

const NO_DETAILS: Details = { reason: "", fix: "", violations: [], retryDelayMs: 0 };

function readDetails(metadata: Metadata): Details {
  const trailer = metadata.get(DETAILS_TRAILER)[0];
  if (!Buffer.isBuffer(trailer)) return NO_DETAILS;
  try {
    let found = NO_DETAILS;
    for (const { typeUrl, value } of Status.decode(trailer).details) found = withDetail(found, typeUrl, value);
    return found;
  } catch {
    // Whoever answered does not speak google.rpc: the status alone has to do.
    return NO_DETAILS;
  }
}

function withDetail(found: Details, typeUrl: string, value: Uint8Array): Details {
  switch (typeUrl) {
    case `${TYPE_URL_PREFIX}ErrorInfo`: {
      const info = ErrorInfo.decode(value);
      if (info.domain !== ERROR_DOMAIN) return found;
      return { ...found, reason: info.reason, fix: info.metadata["fix"] ?? "" };
    }
    case `${TYPE_URL_PREFIX}BadRequest`: {
      const violations = BadRequest.decode(value).fieldViolations;
      return { ...found, violations: violations.map(({ field, description }) => ({ field, description })) };
    }
    case `${TYPE_URL_PREFIX}RetryInfo`: {
      const delay = RetryInfo.decode(value).retryDelay;
      return { ...found, retryDelayMs: delay === undefined ? 0 : delay.seconds * 1_000 + delay.nanos / 1_000_000 };
    }
    default:
      return found;
  }
}
