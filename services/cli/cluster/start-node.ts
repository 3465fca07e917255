// The role `node`: hosts the shards that the map gives this process.
import type { Archive } from "@millrace/archive/archive.ts";
import type { Blobs } from "@millrace/blobs/blobs.ts";
import { systemClock } from "@millrace/clock/system.ts";
import { slotOfRun } from "@millrace/core/run-id.ts";
import type { Kv } from "@millrace/kv/kv.ts";
import { HOLD_BACK_AT_START_MS, HOLD_BACK_MS } from "@millrace/link/bus/limits.ts";
import type { RemoteShards } from "@millrace/link/bus/remote-shards.ts";
import { ShardServer } from "@millrace/link/bus/shard-server.ts";
import type { LocalShard } from "@millrace/link/local-shard.ts";
import type { Membership } from "@millrace/membership/membership.ts";
import { answerSnapshots } from "@millrace/membership/snapshot-request.ts";
import type { MapShard } from "@millrace/model/cluster.ts";
import type { Position, RunId, ShardId } from "@millrace/model/ids.ts";
import { ClusterHost } from "@millrace/shard-host/hosting/cluster-host.ts";
import type { Served } from "@millrace/shard-host/hosting/host-parts.ts";
import { NodeAgent } from "@millrace/shard-host/ownership/node-agent.ts";
import { Retention } from "@millrace/shard-host/retention/retention.ts";
import type { ClusterParts } from "./cluster-parts.ts";
import { observeHost, observeOwnership, sampleHosted } from "./observe-cluster.ts";
import { shardFolders } from "./shard-folders.ts";

export interface NodeParts extends ClusterParts {
  readonly blobs: Blobs;
  readonly kv: Kv;
  readonly archive: Archive;
  /** All shards, this process's called directly: for its gateway, and for what runs tell each other. */
  readonly shards: RemoteShards;
}

/** Hosts from now on; it is given back when the process stops. */
export function startNode(parts: NodeParts): void {
  const { config, log, metrics, client, bus, membership, registry, blobs, kv, archive, shards, endings } = parts;
  const { process } = membership;
  const host = new ClusterHost({
    process,
    clock: systemClock,
    blobs,
    archive,
    kv,
    places: shardFolders({ ...config.storage, client, process, log }),
    submit: (origin, batch) => shards.submit(origin, batch),
    findDefinition: (tenant, name, version) => registry.get(tenant, name, version),
    mayAnswerFromMemory: (shard) => agent.mayAnswerFromMemory(shard),
    serve: (map, shard) => serveShard(parts, map, shard),
    ownerPosition: (shard) => ownerPosition(membership, shard),
    observer: observeHost({ log, metrics }),
  });
  const observer = observeOwnership({ log, metrics });
  const agent: NodeAgent = new NodeAgent({ membership, host, bus, clock: systemClock, observer });
  agent.start();
  endings.defer(() => agent.leave());
  endings.defer(answerSnapshots(bus, process, (shard) => host.snapshot(shard)));
  sampleHosted(agent, host, metrics);
  const retention = new Retention({
    shards: {
      retain: (nowMs) => host.retain(nowMs),
      knows: (runId) => knows(membership, host, runId),
    },
    blobs,
    clock: systemClock,
    failed: (error) => log.warn("Retention did not get through; it is tried again.", { error }),
  });
  endings.defer(() => retention.stop());
}

/** Lets gateways reach a shard: those of other processes over the bus, this one's directly. */
async function serveShard(
  { bus, membership, subjects, shards, log }: NodeParts,
  { id, previous }: MapShard,
  shard: LocalShard,
): Promise<Served> {
  // First, or the workers of this process would be met as those of another one, too.
  shards.host(id, shard);
  const server = new ShardServer({ id, shard, bus, clock: systemClock, subjects, process: membership.process });
  try {
    await server.open(previous === null ? HOLD_BACK_AT_START_MS : HOLD_BACK_MS);
  } catch (error: unknown) {
    // It listens, and announces itself when the bus is back.
    log.warn("The shard serves, and gateways cannot be told.", { shard: id, error });
  }
  return {
    close: () => {
      server.close();
      shards.unhost(id);
    },
  };
}

/** How far the owner of a shard says it is. */
function ownerPosition(membership: Membership, shard: ShardId): Position | null {
  for (const { hosted } of membership.members)
    for (const each of hosted) if (each.shard === shard && each.role === "owner") return each.position;
  return null;
}

function knows({ map }: Membership, host: ClusterHost, runId: RunId): boolean | undefined {
  const slot = slotOfRun(runId);
  const shard = map?.shards.find(({ from, until }) => from <= slot && slot < until);
  return shard === undefined ? undefined : host.knows(shard.id, runId);
}
