// Ingress of a process: gRPC, the same API as JSON over HTTP, webhooks, and the pool of workers. It owns its sockets,
// streams and worker sessions, and no run: what it is told is durable at the shards, or was refused.
import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import type { Shards } from "@millrace/link/link.ts";
import type { Registry } from "@millrace/link/registry.ts";
import { startRpcServer } from "@millrace/rpc/server.ts";
import type { Log } from "@millrace/telemetry/logger.ts";
import type { Metrics } from "@millrace/telemetry/metrics.ts";
import { unaryCalls } from "./calls/rpcs.ts";
import type { ClusterView } from "./cluster/cluster-view.ts";
import { grpcServices } from "./grpc/services.ts";
import { type HttpServer, startHttpServer } from "./http/server.ts";
import { ViewOpener } from "./runs/opened-view.ts";
import { TaskHub } from "./tasks/task-hub.ts";
import { WORKERS_BACK_MS } from "./tasks/worker-link.ts";
import { WebhookRoutes } from "./webhooks/routes.ts";
import { Secrets } from "./webhooks/secrets.ts";

/** Where to listen. */
export interface Listen {
  /** @default "127.0.0.1", because nothing authenticates callers yet */
  readonly host?: string;
  /** 0 = any free port. */
  readonly grpcPort: number;
  /** 0 = any free port. */
  readonly httpPort: number;
}

export interface GatewayParts {
  readonly shards: Shards;
  readonly registry: Registry;
  readonly blobs: Blobs;
  readonly cluster: ClusterView;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly listen: Listen;
}

export interface Gateway {
  /** `host:port` */
  readonly grpcAddress: string;
  /** `http://host:port` */
  readonly httpAddress: string;
  /** Those it listens on. */
  readonly ports: readonly number[];
  readonly hub: TaskHub;
  /**
   * Health says NOT_SERVING at once and workers are told to finish; waits at most `graceMs` for what they hold, then half a
   * second for open calls, and breaks those that are left. Stopping twice is fine.
   */
  stop(graceMs: number): Promise<void>;
}

/** How long calls that are open have for their answers once the workers are done. */
const LAST_ANSWERS_MS = 500;
/** How often a stopping gateway looks whether its workers are done. */
const DRAIN_LOOK_MS = 20;

/** Starts serving. Rejects when an address cannot be had. */
export async function startGateway(parts: GatewayParts): Promise<Gateway> {
  const { shards, registry, blobs, cluster, clock, log, metrics, listen } = parts;
  const hub = new TaskHub(shards, clock);
  shards.connect(hub);
  const webhooks = new WebhookRoutes();
  const ports = { shards, registry, blobs, cluster, clock, hub, webhooks, views: new ViewOpener() };
  const calls = unaryCalls(ports);
  registry.follow((registered) => webhooks.register(registered));
  const unsample = metrics.sample(() => metrics.workerSessions.set(hub.counts().sessions));
  const host = listen.host ?? "127.0.0.1";
  const grpc = await startRpcServer(grpcServices(ports, calls, { log, metrics }), { host, port: listen.grpcPort });
  let http: HttpServer;
  try {
    http = await startHttpServer(
      { ports, calls, metrics, log, webhooks, secrets: new Secrets(clock) },
      { host, port: listen.httpPort },
    );
  } catch (error: unknown) {
    await grpc.stop(0);
    throw error;
  }
  const cancelWait = clock.after(WORKERS_BACK_MS, () => shards.workersAreBack());
  let stopped: Promise<void> | undefined;
  const stop = async (graceMs: number) => {
    const untilMs = clock.monotonicMs() + graceMs;
    cancelWait();
    grpc.drain();
    http.drain();
    hub.drain();
    await idle(hub, clock, untilMs);
    hub.stop();
    // Without workers no run goes on: streams and calls that wait for ends would only wait for the grace to pass.
    const leftMs = Math.max(0, Math.min(LAST_ANSWERS_MS, untilMs - clock.monotonicMs()));
    await Promise.all([grpc.stop(leftMs), http.stop(leftMs)]);
    unsample();
  };
  return {
    grpcAddress: `${host}:${grpc.port}`,
    httpAddress: `http://${host}:${http.port}`,
    ports: [grpc.port, http.port],
    hub,
    stop: (graceMs) => {
      stopped ??= stop(graceMs);
      return stopped;
    },
  };
}

function idle(hub: TaskHub, clock: Clock, untilMs: number): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (hub.idle() || clock.monotonicMs() >= untilMs) resolve();
      else clock.after(DRAIN_LOOK_MS, look);
    };
    look();
  });
}
