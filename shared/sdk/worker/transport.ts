// The seam between a worker and its server: frames of docs/worker-protocol.md over anything that keeps their order.
// `grpc-transport.ts` is the one for real use; the simulation and a server in the same process bring their own.
import type { ConnectRequest, ConnectResponse } from "@millrace/rpc/generated/millrace/v1/workers.ts";

/** Why a stream is over. */
export type StreamEnd =
  /** The server ended it in order. */
  | { readonly type: "ended" }
  /** It broke, or the server cannot serve now: trying again makes sense. */
  | { readonly type: "lost"; readonly reason: string }
  /** The server will never take this worker as it is: trying again makes no sense. */
  | { readonly type: "refused"; readonly reason: string };

/** What a stream tells its worker. Never called from inside `connect`, `send`, `end` or `destroy`. */
export interface StreamEvents {
  frame(frame: ConnectResponse): void;
  /** After a `send` that returned false: there is room again. */
  writable(): void;
  /** Once, after which nothing else is called. */
  closed(end: StreamEnd): void;
}

export interface WorkerStream {
  /** Takes a frame, in order. False: it was taken, but send no more until `writable`. */
  send(frame: ConnectRequest): boolean;
  /** Half-closes: nothing more is sent; frames still arrive until `closed`. */
  end(): void;
  /** Drops the stream at once; `closed` still comes. */
  destroy(): void;
}

export interface WorkerTransport {
  /** Opens one stream. Failing to open is a `closed`, too. */
  connect(events: StreamEvents): WorkerStream;
}
