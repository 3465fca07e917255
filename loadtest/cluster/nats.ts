// The three NATS servers, with their data in folders that are kept.
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { type ClusterHome, type NatsCluster, startNatsCluster } from "@millrace/testing/nats-cluster.ts";
import type { NatsServer } from "@millrace/testing/nats-server.ts";
import type { Leash } from "./leash.ts";
import type { MemberPorts } from "./ports.ts";

/** A server that has nothing to do stops in less. */
const STOP_MS = 10_000;

/** Starts them below `folder` and waits until they are one. They sync every write before they ack it. */
export async function startNats(folder: string, ports: readonly MemberPorts[], leash: Leash): Promise<NatsCluster> {
  const homes = ports.map(({ nats, monitor, route }, ordinal): ClusterHome => {
    // A server would take a path that is not absolute for one from where it runs.
    const path = resolve(folder, `nats-${ordinal + 1}`);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return { folder: keptFolder(path), ports: { client: nats, monitor }, routePort: route };
  });
  const cluster = await startNatsCluster({ syncInterval: "always", apart: true }, homes);
  for (const { pid } of cluster.servers) if (pid !== undefined) leash.hold(pid);
  return cluster;
}

/** Stops them all, and ends those that do not. */
export async function stopNats({ servers }: NatsCluster, leash: Leash): Promise<void> {
  await Promise.all(servers.filter(({ isRunning }) => isRunning).map((server) => stopServer(server, leash)));
}

async function stopServer(server: NatsServer, leash: Leash): Promise<void> {
  const { pid } = server;
  const timer = setTimeout(() => void server.kill(), STOP_MS);
  await server.stop();
  clearTimeout(timer);
  if (pid !== undefined) leash.release(pid);
}

function keptFolder(path: string): ClusterHome["folder"] {
  return { path, [Symbol.asyncDispose]: () => Promise.resolve() };
}
