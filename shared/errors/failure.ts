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
    message: cutText(message === "" ? entry.message : message, FAILURE_TEXT_CHARACTERS_MAX),
    guidance: cutText(guidance ?? entry.guidance, FAILURE_TEXT_CHARACTERS_MAX),
    retryAfterMs,
  };
}

/** Whether a code is one of Millrace's own. */
export function isFailureCode(code: string): code is FailureCode {
  return Object.hasOwn(FAILURES, code);
}

/** The first `charactersMax` characters, the last of them an ellipsis if there were more; never half of a surrogate pair. */
export function cutText(text: string, charactersMax: number): string {
  return text.length <= charactersMax ? text : `${text.slice(0, charactersMax - 1).toWellFormed()}…`;
}
