import type { IncomingMessage, ServerResponse } from "node:http";
import { type CallContext, Refused } from "../calls/call.ts";
import { invalid, shown, TENANT_HEADER, tenantOf } from "../calls/fields.ts";
import { TRACE_HEADER, traceparentOf } from "../calls/trace-context.ts";

/** How long the caller waits, ms; what `grpc-timeout` is on gRPC. */
export const TIMEOUT_HEADER = "millrace-timeout-ms";

/** For calls with one answer; a stream that names no deadline has none. */
const TIMEOUT_MS_DEFAULT = 60_000;
const TIMEOUT_MS_MAX = 600_000;

/** A call's context; call `done` when it is answered. */
export function contextOf(
  request: IncomingMessage,
  response: ServerResponse,
  kind: "unary" | "stream",
): { readonly context: CallContext | Refused; readonly done: () => void } {
  const tenant = tenantOf(headerOf(request, TENANT_HEADER));
  if (tenant instanceof Refused) return { context: tenant, done: doNothing };
  const timeoutMs = timeoutOf(headerOf(request, TIMEOUT_HEADER), kind);
  if (timeoutMs instanceof Refused) return { context: timeoutMs, done: doNothing };
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = timeoutMs === null ? undefined : setTimeout(abort, timeoutMs);
  response.once("close", abort);
  const done = () => {
    clearTimeout(timer);
    response.off("close", abort);
  };
  const traceparent = traceparentOf(headerOf(request, TRACE_HEADER));
  return { context: { tenant, traceparent, signal: controller.signal }, done };
}

function doNothing(): void {}

/** null = for ever. */
function timeoutOf(header: string | undefined, kind: "unary" | "stream"): number | null | Refused {
  if (header === undefined) return kind === "unary" ? TIMEOUT_MS_DEFAULT : null;
  const timeoutMs = Number(header);
  if (Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= TIMEOUT_MS_MAX) return timeoutMs;
  const message = `${TIMEOUT_HEADER} is ${shown(header)}; it must be 1 to ${TIMEOUT_MS_MAX}.`;
  return invalid(TIMEOUT_HEADER, message, `Send a whole number of ms, or leave it out for ${TIMEOUT_MS_DEFAULT}.`);
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
