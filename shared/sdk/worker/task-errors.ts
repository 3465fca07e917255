import { FAILURES, type FailureCode } from "@millrace/errors/catalogue.ts";
import { FAILURE_TEXT_CHARACTERS_MAX } from "@millrace/errors/failure.ts";
import { type Failure, FailureClass } from "@millrace/rpc/generated/millrace/v1/failures.ts";

/** Longest code of a failure (failures.proto). */
const CODE_CHARACTERS_MAX = 128;

/** The longest wait a failure may ask for, ms: one day (failures.proto). */
const RETRY_AFTER_MS_MAX = 86_400_000;

export interface TransientDetail {
  /** Stable code in UPPER_SNAKE_CASE, at most 128 characters. @default "TRANSIENT_ERROR" */
  readonly code?: string;
  /** The earliest the third party wants to be called again, in ms from now; at most one day. @default 0: it did not say */
  readonly retryAfterMs?: number;
  /** What the workflow's owner can do about it. @default "" */
  readonly guidance?: string;
}

/** Thrown by a handler: the attempt failed, another one may work. Retried as the step's policy says. */
export class TransientError extends Error {
  readonly code: string;
  readonly retryAfterMs: number;
  readonly guidance: string;

  constructor(message: string, detail: TransientDetail = {}) {
    super(message);
    this.name = "TransientError";
    this.code = detail.code ?? "TRANSIENT_ERROR";
    this.retryAfterMs = detail.retryAfterMs ?? 0;
    this.guidance = detail.guidance ?? "";
  }
}

/** Thrown by a handler: no attempt will ever work. Never retried; `guidance` tells the workflow's owner what to do. */
export class PermanentError extends Error {
  readonly code: string;
  readonly guidance: string;

  /** `code`: stable, UPPER_SNAKE_CASE, at most 128 characters. */
  constructor(code: string, message: string, guidance: string) {
    super(message);
    this.name = "PermanentError";
    this.code = code;
    this.guidance = guidance;
  }
}

/** What a thrown value means: its own words if it is one of ours, else an unclassified WORKER_ERROR. */
export function failureOfThrown(thrown: unknown): Failure {
  if (thrown instanceof TransientError) return failure(FailureClass.TRANSIENT, thrown, thrown.retryAfterMs);
  if (thrown instanceof PermanentError) return failure(FailureClass.PERMANENT, thrown);
  const { guidance } = FAILURES.WORKER_ERROR;
  return failure(FailureClass.UNSPECIFIED, { code: "WORKER_ERROR", message: textOfThrown(thrown), guidance });
}

/** A failure of the catalogue, with a message of its own. */
export function failureOfCode(code: FailureCode, message: string): Failure {
  const entry = FAILURES[code];
  const failureClass = entry.class === "transient" ? FailureClass.TRANSIENT : FailureClass.PERMANENT;
  return failure(failureClass, { code, message, guidance: entry.guidance });
}

interface FailureTexts {
  readonly code: string;
  readonly message: string;
  readonly guidance: string;
}

function failure(failureClass: FailureClass, texts: FailureTexts, retryAfterMs = 0): Failure {
  return {
    code: cut(texts.code, CODE_CHARACTERS_MAX),
    class: failureClass,
    message: cut(texts.message, FAILURE_TEXT_CHARACTERS_MAX),
    guidance: cut(texts.guidance, FAILURE_TEXT_CHARACTERS_MAX),
    retryAfterMs: Number.isFinite(retryAfterMs)
      ? Math.min(Math.max(Math.ceil(retryAfterMs), 0), RETRY_AFTER_MS_MAX)
      : 0,
  };
}

function textOfThrown(thrown: unknown): string {
  if (thrown instanceof Error) return `${thrown.name}: ${thrown.message}`;
  try {
    return `The handler threw ${String(thrown)}, which is no Error.`;
  } catch {
    return "The handler threw something that cannot be shown, which is no Error.";
  }
}

function cut(text: string, charactersMax: number): string {
  return text.length <= charactersMax ? text : text.slice(0, charactersMax).toWellFormed();
}
