// A gRPC server with the house's limits, health and reflection. Owns the listening socket and the health states; what the
// services do is theirs.
import {
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { HealthService } from "./health.ts";
import {
  CONCURRENT_STREAMS_MAX,
  KEEPALIVE_TIME_MS,
  KEEPALIVE_TIMEOUT_MS,
  REQUEST_BYTES_MAX,
  RESPONSE_BYTES_MAX,
} from "./limits.ts";
import { addReflection } from "./reflection.ts";
import { fastMethods } from "./wire/fast-methods.ts";

/** A service's generated definition and the code behind it. */
export interface RpcService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface RpcServerOptions {
  /** Address to listen on. @default "127.0.0.1", because nothing authenticates callers yet */
  readonly host?: string;
  /** 0 = any free port. */
  readonly port: number;
  /** After this long a connection is asked to move, so that load spreads over new servers, ms. @default never */
  readonly connectionAgeMsMax?: number;
}

export interface RpcServer {
  readonly host: string;
  /** The port it listens on. */
  readonly port: number;
  /** Answers health checks with NOT_SERVING from now on; calls still work. */
  drain(): void;
  /** Drains, takes no new call, and waits `graceMs` for open calls before it breaks them. Stopping twice is fine. */
  stop(graceMs: number): Promise<void>;
}

/** Starts serving; all services report SERVING at once. Rejects when the address cannot be had. */
export async function startRpcServer(services: readonly RpcService[], options: RpcServerOptions): Promise<RpcServer> {
  const { host = "127.0.0.1" } = options;
  const server = new Server(serverOptions(options));
  for (const { definition, implementation } of services) server.addService(fastMethods(definition), implementation);
  const health = new HealthService(services.map(({ definition }) => serviceName(definition)));
  health.addTo(server);
  addReflection(server);
  const port = await listen(server, host.includes(":") ? `[${host}]:${options.port}` : `${host}:${options.port}`);
  let stopped: Promise<void> | undefined;
  return {
    host,
    port,
    drain: () => health.drain(),
    stop: (graceMs) => {
      health.drain();
      stopped ??= shutDown(server, graceMs);
      return stopped;
    },
  };
}

/** channelz stays on: grpc-js 1.14.7 only remembers the connections it must break at the end of the grace if it is. */
function serverOptions({ connectionAgeMsMax }: RpcServerOptions): ServerOptions {
  return {
    "grpc.max_receive_message_length": REQUEST_BYTES_MAX,
    "grpc.max_send_message_length": RESPONSE_BYTES_MAX,
    "grpc.max_concurrent_streams": CONCURRENT_STREAMS_MAX,
    "grpc.keepalive_time_ms": KEEPALIVE_TIME_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    ...(connectionAgeMsMax === undefined ? {} : { "grpc.max_connection_age_ms": connectionAgeMsMax }),
  };
}

function listen(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

function shutDown(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** `millrace.v1.RunService` of a definition whose paths are `/millrace.v1.RunService/StartRun`. */
function serviceName(definition: ServiceDefinition): string {
  const path = Object.values(definition)[0]?.path;
  if (path === undefined) throw new Error("A service definition without methods cannot be served.");
  return path.slice(1, path.lastIndexOf("/"));
}
