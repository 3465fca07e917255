import { REFUSALS } from "@millrace/errors/catalogue.ts";
import { isRefusalCode } from "@millrace/errors/refusal.ts";
import { type StatusName, statusName } from "@millrace/errors/status.ts";
import { callFailureOf, type FailedCall } from "@millrace/rpc/call-failure.ts";
import type { FieldViolation } from "@millrace/rpc/error-details.ts";
import type { StartError } from "@millrace/rpc/generated/millrace/v1/runs.ts";

/** What a `MillraceError` is made of. */
export interface ErrorFacts {
  readonly code: StatusName;
  readonly reason: string;
  readonly message: string;
  readonly fix: string;
  readonly violations: readonly FieldViolation[];
  readonly retryDelayMs: number;
}

/** Why a call failed. Branch on `code` and `reason`, never on the message. */
export class MillraceError extends Error {
  /** The gRPC status, e.g. `NOT_FOUND`, `UNAVAILABLE`. */
  readonly code: StatusName;
  /** Stable reason, e.g. `RUN_NOT_FOUND` (docs/errors); empty when no Millrace server answered. */
  readonly reason: string;
  /** The request's wrong fields. */
  readonly violations: readonly FieldViolation[];
  /** What to do about it; empty if nobody knows. */
  readonly fix: string;
  /** When trying again makes sense, ms; 0 = it does not, or nobody knows. */
  readonly retryDelayMs: number;

  constructor(facts: ErrorFacts) {
    super(facts.message);
    this.name = "MillraceError";
    this.code = facts.code;
    this.reason = facts.reason;
    this.violations = facts.violations;
    this.fix = facts.fix;
    this.retryDelayMs = facts.retryDelayMs;
  }
}

/** The error of a failed call. */
export function errorOfCall(failed: FailedCall): MillraceError {
  const { status, ...facts } = callFailureOf(failed);
  return new MillraceError({ code: status, ...facts });
}

/** The error of one refused start of a batch. */
export function errorOfStart(refused: StartError): MillraceError {
  const { reason, message, retryDelayMs } = refused;
  const fix = isRefusalCode(reason) ? REFUSALS[reason].fix : "";
  return new MillraceError({ code: statusName(refused.code), reason, message, fix, violations: [], retryDelayMs });
}

/** Whether something thrown by a gRPC call is its status. */
export function isFailedCall(thrown: unknown): thrown is FailedCall {
  return thrown instanceof Error && "code" in thrown && "details" in thrown && "metadata" in thrown;
}
