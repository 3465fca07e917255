// The roles `gateway` and `connectors`: what callers and workers meet.
import type { Blobs } from "@millrace/blobs/blobs.ts";
import { systemClock } from "@millrace/clock/system.ts";
import type { Config } from "@millrace/config/config.ts";
import { startConnectors } from "@millrace/connectors/connectors.ts";
import { type Gateway, startGateway } from "@millrace/gateway/gateway.ts";
import type { RemoteShards } from "@millrace/link/bus/remote-shards.ts";
import { type ClusterParts, StartRefused } from "./cluster-parts.ts";
import { operateCluster } from "./operate-cluster.ts";

export interface EdgeParts extends ClusterParts {
  readonly blobs: Blobs;
  readonly shards: RemoteShards;
}

/** Serves from now on; null = it is no gateway. Rejects when an address cannot be had. */
export async function startEdge(parts: EdgeParts): Promise<Gateway | null> {
  const { config, log, metrics, registry, bus, membership, blobs, shards, endings } = parts;
  const { roles } = config.cluster;
  const { stopGraceMs } = config.gateway;
  let gateway: Gateway | null = null;
  if (roles.includes("gateway")) {
    const listen = config.gateway;
    const cluster = operateCluster(membership, bus);
    const edge = { shards, registry, blobs, cluster, clock: systemClock, log: log.with({}), metrics, listen };
    const started = await startGateway(edge);
    endings.defer(() => started.stop(stopGraceMs));
    gateway = started;
  }
  if (roles.includes("connectors")) {
    const { capacity, httpAllow } = config.connectors;
    const http = { allow: httpAllow, ownPorts: gateway?.ports ?? [] };
    const connectors = startConnectors({ address: gatewayAddress(config, gateway), capacity, http });
    endings.defer(() => connectors.stop({ timeoutMs: stopGraceMs }));
  }
  return gateway;
}

function gatewayAddress({ connectors }: Config, own: Gateway | null): string {
  const address = connectors.gateway ?? own?.grpcAddress;
  if (address === undefined) {
    throw new StartRefused(
      "A process that runs connectors and is no gateway needs one: set connectors.gateway to its host:port, or add the role gateway.",
    );
  }
  return address;
}
