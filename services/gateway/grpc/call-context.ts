import type { Metadata } from "@grpc/grpc-js";
import type { TenantId } from "@millrace/model/ids.ts";
import { type CallContext, Refused } from "../calls/call.ts";
import { TENANT_HEADER, tenantOf } from "../calls/fields.ts";
import { TRACE_HEADER, traceparentOf } from "../calls/trace-context.ts";

/** The part of a grpc-js server call that says who calls. */
export interface IncomingCall {
  readonly metadata: Metadata;
  on(event: "cancelled", listener: () => void): unknown;
}

/** Context of a gRPC call. The signal is made only for calls that wait. */
class GrpcContext implements CallContext {
  readonly tenant: TenantId;
  readonly traceparent: string;
  readonly #call: IncomingCall;
  #signal: AbortSignal | undefined;

  constructor(call: IncomingCall, tenant: TenantId) {
    this.#call = call;
    this.tenant = tenant;
    this.traceparent = traceparentOf(textOf(call.metadata, TRACE_HEADER));
  }

  /** grpc-js calls a call cancelled when its deadline has passed, too. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const controller = new AbortController();
      this.#call.on("cancelled", () => controller.abort());
      this.#signal = controller.signal;
    }
    return this.#signal;
  }
}

/** Refused when the tenant's name is none. */
export function contextOf(call: IncomingCall): CallContext | Refused {
  const tenant = tenantOf(textOf(call.metadata, TENANT_HEADER));
  return tenant instanceof Refused ? tenant : new GrpcContext(call, tenant);
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  return typeof value === "string" ? value : undefined;
}
