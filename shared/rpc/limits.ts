// Bounds of the gRPC transport, one place for servers and clients so that neither sends what the other refuses.
import { PAYLOAD_BYTES_MAX } from "@millrace/model/payload.ts";

/** Room for everything in a message that is not its one largest payload. */
export const ENVELOPE_BYTES_MAX = 64 * 1024;

/** The largest message a client may send: one largest payload and its envelope, 4 MiB, gRPC's own default. */
export const REQUEST_BYTES_MAX = PAYLOAD_BYTES_MAX + ENVELOPE_BYTES_MAX;

/**
 * The largest message a server may send. A run shows its input and its output, a timeline those of many steps: whoever
 * builds an answer leaves payloads out before it grows past this.
 */
export const RESPONSE_BYTES_MAX = 4 * REQUEST_BYTES_MAX;

/**
 * How much a server may send to a client before it hears back, per stream and connection. HTTP/2's default, 64 KiB, is a
 * tenth of one frame of 4,096 ends. Towards the server the default stays: grpc-js 1.14.7 has no option for it, and
 * carries 400,000 starts a second all the same.
 */
export const FLOW_CONTROL_WINDOW_BYTES = 4 * 1024 * 1024;

/** How long a connection may be silent before it is probed, and how long the probe's answer may take. */
export const KEEPALIVE_TIME_MS = 30_000;
export const KEEPALIVE_TIMEOUT_MS = 10_000;

/** Streams and calls at once on a connection. Beyond them a client's calls queue at the client. */
export const CONCURRENT_STREAMS_MAX = 10_000;
