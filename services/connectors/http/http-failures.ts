// What went wrong with a request, as a failure that says by itself whether another attempt makes sense.

import { STATUS_CODES } from "node:http";
import { FAILURES, type FailureCode } from "@millrace/errors/catalogue.ts";
import { PermanentError, TransientError } from "@millrace/sdk/worker/task-errors.ts";
import { AddressRefusedError } from "./guarded-connect.ts";
import type { HttpRequest } from "./request-input.ts";

/** How much of a failed answer's body goes into the message, characters. */
const EXCERPT_CHARACTERS_MAX = 512;

const CODE_OF_STATUS: ReadonlyMap<number, FailureCode> = new Map<number, FailureCode>([
  [401, "HTTP_UNAUTHORIZED"],
  [403, "HTTP_FORBIDDEN"],
  [404, "HTTP_NOT_FOUND"],
  [408, "HTTP_TIMEOUT"],
  [409, "HTTP_CONFLICT"],
  [410, "HTTP_GONE"],
  // Too Early asks for the same as Too Many Requests: again, later.
  [425, "HTTP_TOO_MANY_REQUESTS"],
  [429, "HTTP_TOO_MANY_REQUESTS"],
]);

const CODE_OF_ERROR: ReadonlyMap<string, FailureCode> = new Map<string, FailureCode>([
  ["ECONNREFUSED", "HTTP_CONNECTION_REFUSED"],
  ["EHOSTUNREACH", "HTTP_CONNECTION_REFUSED"],
  ["ENETUNREACH", "HTTP_CONNECTION_REFUSED"],
  ["EADDRNOTAVAIL", "HTTP_CONNECTION_REFUSED"],
  ["ENOTFOUND", "HTTP_DNS"],
  ["EAI_AGAIN", "HTTP_DNS"],
  ["ETIMEDOUT", "HTTP_TIMEOUT"],
  ["UND_ERR_CONNECT_TIMEOUT", "HTTP_TIMEOUT"],
  ["UND_ERR_HEADERS_OVERFLOW", "HTTP_RESPONSE_TOO_LARGE"],
]);

/** OpenSSL's verdicts on certificates, as Node names them; protocol errors are `ERR_SSL_…` and `EPROTO`. */
const TLS_ERROR =
  /^(?:CERT_|ERR_TLS_|ERR_SSL_|EPROTO$|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|HOSTNAME_MISMATCH)/;

/** An answer whose status the step does not take. */
export function statusFailure(
  request: HttpRequest,
  answer: { status: number; retryAfter: string; text: string },
): Error {
  const { status, retryAfter } = answer;
  const excerpt = answer.text.slice(0, EXCERPT_CHARACTERS_MAX).toWellFormed().trim();
  const reason = STATUS_CODES[status] ?? "";
  const message = `${nameOf(request)} answered ${`${status} ${reason}`.trim()}${excerpt === "" ? "." : `: ${excerpt}`}`;
  return failure(codeOfStatus(status), message, status < 400 ? 0 : retryAfterMs(retryAfter));
}

/** A request without an answer. */
export function exchangeFailure(request: HttpRequest, error: unknown): Error {
  const name = nameOf(request);
  if (error instanceof AddressRefusedError) return failure("HTTP_ADDRESS_REFUSED", `${name}: ${error.message}.`);
  const code = codeOfError(error);
  const known = CODE_OF_ERROR.get(code) ?? (TLS_ERROR.test(code) ? "HTTP_TLS" : "HTTP_CONNECTION_RESET");
  return failure(known, `${name}: ${error instanceof Error ? error.message : String(error)}`);
}

/** A failure of the catalogue about this request. */
export function requestFailure(request: HttpRequest, code: FailureCode, what: string): Error {
  return failure(code, `${nameOf(request)} ${what}`);
}

/** A `Retry-After` header, seconds or a date, as ms from now; 0 = none, or one that says nothing. */
export function retryAfterMs(header: string, nowMs = Date.now()): number {
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000;
  // Date.parse takes much that is no HTTP date, such as bare negative numbers.
  const atMs = /^[A-Z][a-z]{2,8},? /.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(atMs) ? 0 : Math.max(0, atMs - nowMs);
}

/** The request as messages show it: without its query, which may hold what nobody should read. */
function nameOf({ method, url }: HttpRequest): string {
  return `${method} ${url.origin}${url.pathname}`.slice(0, 1_024);
}

function codeOfStatus(status: number): FailureCode {
  const code = CODE_OF_STATUS.get(status);
  if (code !== undefined) return code;
  if (status >= 500) return "HTTP_SERVER_ERROR";
  return status >= 400 ? "HTTP_BAD_REQUEST" : "HTTP_UNEXPECTED_ANSWER";
}

function codeOfError(error: unknown): string {
  if (!(error instanceof Error)) return "";
  // Of several addresses that failed, the first tells as much as any.
  if (error instanceof AggregateError && error.errors.length > 0) return codeOfError(error.errors[0]);
  return "code" in error && typeof error.code === "string" ? error.code : "";
}

function failure(code: FailureCode, message: string, retryMs = 0): Error {
  const { class: failureClass, guidance } = FAILURES[code];
  return failureClass === "transient"
    ? new TransientError(message, { code, guidance, retryAfterMs: retryMs })
    : new PermanentError(code, message, guidance);
}
