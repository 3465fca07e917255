import type { Section } from "./section.ts";

/** Where this process is reached. Per process. */
export interface GatewayConfig {
  /**
   * The address to listen on; `0.0.0.0` or `::` for all. Nothing authenticates callers yet, so only loopback is safe.
   * @default "127.0.0.1"
   */
  readonly host: string;
  /**
   * The port of the gRPC API, 0 to 65,535; 0 takes any free one.
   * @default 7400
   */
  readonly grpcPort: number;
  /**
   * The port of the HTTP API, webhooks and metrics, 0 to 65,535; 0 takes any free one.
   * @default 7401
   */
  readonly httpPort: number;
  /**
   * How long a stopping process waits for open calls and for what workers hold, ms; written as a duration, `0s` to `1h`.
   * @default 10s
   */
  readonly stopGraceMs: number;
}

/** A host name is at most this long (RFC 1035). */
const HOST_CHARACTERS_MAX = 253;
const PORTS = { min: 0, max: 65_535 };

export function readGateway(section: Section): GatewayConfig {
  return {
    host: section.text("host", "127.0.0.1", HOST_CHARACTERS_MAX),
    grpcPort: section.integer("grpcPort", 7400, PORTS),
    httpPort: section.integer("httpPort", 7401, PORTS),
    stopGraceMs: section.durationMs("stopGrace", 10_000, { minMs: 0, maxMs: 3_600_000 }),
  };
}
