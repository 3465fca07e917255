// Starts a cluster on this machine: NATS servers that sync before they ack, processes as users start them, one worker.
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { startNatsCluster } from "@millrace/testing/nats-cluster.ts";
import { startNats } from "@millrace/testing/nats-server.ts";
import { type StartedProcess, startNode } from "@millrace/testing/process.ts";
import { CLI, register, WORKER } from "./server.ts";

/** One server and one node, or three of each on three replicas. */
export type ClusterSize = 1 | 3;

/** A few for every node, as an operator would have. */
const SHARDS = 6;
/** What the streams may hold: far more than a measurement writes. */
const STORE_BYTES_MAX = 16 * 2 ** 30;

export interface BenchCluster {
  /** Of each node's gateway. */
  readonly addresses: readonly string[];
  readonly nodes: readonly StartedProcess[];
  stop(): Promise<void>;
}

/** A new cluster with its data below `home`, the bench's workflows registered, and a worker at the last node. */
export async function startBenchCluster(home: string, size: ClusterSize): Promise<BenchCluster> {
  await using started = new AsyncDisposableStack();
  const folder = await mkdtemp(join(home, "millrace-bench-"));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const options = { syncInterval: "always", storeBytesMax: STORE_BYTES_MAX };
  const servers =
    size === 1
      ? [started.use(await startNats(options)).address]
      : started.use(await startNatsCluster(options)).addresses;
  const nodes: StartedProcess[] = [];
  const addresses: string[] = [];
  for (let node = 1; node <= size; node++) {
    const process = started.use(
      await startNode(CLI, [
        ...["start", "--nats", ...servers, "--nats-replicas", String(size), "--cluster-shards", String(SHARDS)],
        ...["--name", `node-${node}`, "--data", join(folder, `node-${node}`), "--log-level", "error"],
        ...["--grpc-port", "0", "--http-port", "0"],
      ]),
    );
    const { groups } = await process.waitForLine(/gRPC on (?<grpc>\S+) and HTTP/);
    nodes.push(process);
    addresses.push(groups?.["grpc"] ?? "");
  }
  await register(addresses[0] ?? "");
  const worker = started.use(await startNode(WORKER, [addresses.at(-1) ?? ""]));
  await worker.waitForLine(/is connected/);
  const running = started.move();
  return { addresses, nodes, stop: () => running.disposeAsync() };
}
