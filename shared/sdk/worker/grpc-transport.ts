import { type ChannelCredentials, type ServiceError, status } from "@grpc/grpc-js";
import { createRpcClient } from "@millrace/rpc/client.ts";
import { type ConnectResponse, WorkerServiceClient } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import type { StreamEnd, StreamEvents, WorkerStream, WorkerTransport } from "./transport.ts";

/** Statuses that say "never", not "not now". */
const REFUSALS: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.UNIMPLEMENTED,
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
]);

export interface GrpcTransportOptions {
  /** `host:port`. */
  readonly address: string;
  readonly credentials: ChannelCredentials;
}

/** Worker streams over gRPC. */
export function grpcTransport(options: GrpcTransportOptions): WorkerTransport {
  return { connect: (events) => connect(options, events) };
}

function connect(options: GrpcTransportOptions, events: StreamEvents): WorkerStream {
  const client = createRpcClient(WorkerServiceClient, options.address, options.credentials);
  const call = client.connect();
  let over = false;
  const close = (end: StreamEnd): void => {
    if (over) return;
    over = true;
    client.close();
    events.closed(end);
  };
  call.on("data", (frame: ConnectResponse) => events.frame(frame));
  call.on("drain", () => events.writable());
  // `status` follows the last frame, and every error; `error` must have a listener all the same.
  call.on("error", (error: ServiceError) => close(endOf(error.code, error.details)));
  call.on("status", (ended) => close(endOf(ended.code, ended.details)));
  return {
    send: (frame) => over || call.write(frame),
    end: () => {
      call.end();
    },
    destroy: () => {
      call.cancel();
    },
  };
}

function endOf(code: status, details: string): StreamEnd {
  if (code === status.OK) return { type: "ended" };
  return { type: REFUSALS.has(code) ? "refused" : "lost", reason: `${status[code]}: ${details}` };
}
