/** The header of W3C trace context, on gRPC and HTTP. */
export const TRACE_HEADER = "traceparent";

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The caller's trace context; one that is malformed counts as none, as the standard says. */
export function traceparentOf(header: string | undefined): string {
  return header !== undefined && TRACEPARENT.test(header) ? header : "";
}
