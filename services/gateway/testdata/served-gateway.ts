// A gateway on real sockets over fakes, and its clients.
import { type Client, Metadata, type ServiceError } from "@grpc/grpc-js";
import { systemClock } from "@millrace/clock/system.ts";
import { parseDefinition } from "@millrace/definition/parse.ts";
import { tenantId } from "@millrace/model/ids.ts";
import { createRpcClient } from "@millrace/rpc/client.ts";
import { ClusterServiceClient } from "@millrace/rpc/generated/millrace/v1/cluster_service.ts";
import { RunServiceClient } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { WorkerServiceClient } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import { WorkflowServiceClient } from "@millrace/rpc/generated/millrace/v1/workflows.ts";
import { SILENT_LOG } from "@millrace/telemetry/logger.ts";
import { createMetrics } from "@millrace/telemetry/metrics.ts";
import { startGateway } from "../gateway.ts";
import { FakeBlobs } from "./fake-blobs.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { FakeRegistry } from "./fake-registry.ts";
import { FakeShards } from "./fake-shards.ts";

export const FLOW = `
name: flow
on: { webhook: { path: shop/orders, verify: { scheme: none } } }
steps:
  a: { uses: t }
`;

export async function serveGateway() {
  const shards = new FakeShards();
  const registry = new FakeRegistry();
  const blobs = new FakeBlobs();
  const cluster = new FakeCluster();
  const metrics = createMetrics();
  await register(registry, FLOW);
  const gateway = await startGateway({
    shards,
    registry,
    blobs,
    cluster,
    metrics,
    clock: systemClock,
    log: SILENT_LOG,
    listen: { grpcPort: 0, httpPort: 0 },
  });
  const runs = createRpcClient(RunServiceClient, gateway.grpcAddress);
  const workflows = createRpcClient(WorkflowServiceClient, gateway.grpcAddress);
  const workers = createRpcClient(WorkerServiceClient, gateway.grpcAddress);
  const operator = createRpcClient(ClusterServiceClient, gateway.grpcAddress);
  const close = async () => {
    for (const client of [runs, workflows, workers, operator] satisfies Client[]) client.close();
    await gateway.stop(0);
  };
  return { gateway, shards, registry, blobs, cluster, runs, workflows, workers, operator, metrics, close };
}

export type ServedGateway = Awaited<ReturnType<typeof serveGateway>>;

export async function register(registry: FakeRegistry, source: string, tenant = "default"): Promise<void> {
  const parsed = parseDefinition(source);
  if (parsed.type === "problems") throw new Error(JSON.stringify(parsed.problems));
  await registry.register(tenantId(tenant), parsed.definition, source);
}

export function asTenant(tenant: string): Metadata {
  const metadata = new Metadata();
  metadata.set("millrace-tenant", tenant);
  return metadata;
}

/** A unary call's answer, or its error. */
export function answerOf<Response>(
  call: (callback: (error: ServiceError | null, response: Response) => void) => unknown,
): Promise<Response | ServiceError> {
  return new Promise((resolve) => call((error, response) => resolve(error ?? response)));
}
