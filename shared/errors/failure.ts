import type { Failure } from "@millrace/model/failure.ts";
import { FAILURES, type FailureCode } from "./catalogue.ts";

/** Longest message or guidance of a failure, in characters; what is longer is cut (model/failure.ts). */
export const FAILURE_TEXT_CHARACTERS_MAX = 4_096;

/**
 * A failure of this code, its class taken from the catalogue. An empty message or a guidance left out comes from
 * there too; texts are cut at {@link FAILURE_TEXT_CHARACTERS_MAX}.
 */
export function failureOf(code: FailureCode, message: string, guidance?: string, retryAfterMs = 0): Failure {
  const entry = FAILURES[code];
  return {
    code,
    class: entry.class,
    message: cut(message === "" ? entry.message : message),
    guidance: cut(guidance ?? entry.guidance),
    retryAfterMs,
  };
}

/** Whether a code is one of Millrace's own. */
export function isFailureCode(code: string): code is FailureCode {
  return Object.hasOwn(FAILURES, code);
}

/** The first {@link FAILURE_TEXT_CHARACTERS_MAX} characters, never half of a surrogate pair. */
function cut(text: string): string {
  if (text.length <= FAILURE_TEXT_CHARACTERS_MAX) return text;
  return text.slice(0, FAILURE_TEXT_CHARACTERS_MAX - 1).toWellFormed() + "…";
}
