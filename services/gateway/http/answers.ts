// Answers over HTTP: JSON text, and errors as google.rpc.Status in proto JSON.
import type { ServerResponse } from "node:http";
import { STATUSES, type StatusName } from "@millrace/errors/status.ts";
import { httpAnswerOf } from "@millrace/rpc/error-details.ts";
import { type DeadlinePassed, Refused } from "../calls/call.ts";

const JSON_TYPE = "application/json; charset=utf-8";

export function sendJson(response: ServerResponse, httpStatus: number, text: string, retryDelayMs = 0): void {
  if (response.headersSent || response.destroyed) return;
  const bytes = Buffer.from(text);
  if (retryDelayMs > 0) response.setHeader("retry-after", Math.ceil(retryDelayMs / 1_000));
  response.writeHead(httpStatus, {
    "content-type": JSON_TYPE,
    "content-length": bytes.length,
    "cache-control": "no-store",
  });
  response.end(bytes);
}

export function sendText(response: ServerResponse, httpStatus: number, text: string, contentType = "text/plain"): void {
  response.writeHead(httpStatus, { "content-type": contentType, "content-length": Buffer.byteLength(text) });
  response.end(text);
}

/** An outcome that is no answer. */
export function sendFailure(response: ServerResponse, outcome: Refused | DeadlinePassed): void {
  const { httpStatus, body, retryDelayMs } = failureOf(outcome);
  sendJson(response, httpStatus, JSON.stringify(body), retryDelayMs);
}

/** An error that is none of a call: a wrong address, method, type or size. */
export function sendStatus(response: ServerResponse, status: StatusName, message: string, httpStatus?: number): void {
  const { grpc, http } = STATUSES[status];
  sendJson(response, httpStatus ?? http, JSON.stringify({ code: grpc, message, details: [] }));
}

/** The body and the status line of a failed call. */
export function failureOf(outcome: Refused | DeadlinePassed): {
  readonly httpStatus: number;
  readonly body: unknown;
  readonly retryDelayMs: number;
} {
  if (outcome instanceof Refused) {
    return { ...httpAnswerOf(outcome.refusal, outcome.violations), retryDelayMs: outcome.refusal.retryDelayMs };
  }
  const { grpc, http } = STATUSES.DEADLINE_EXCEEDED;
  return { httpStatus: http, body: { code: grpc, message: outcome.message, details: [] }, retryDelayMs: 0 };
}
