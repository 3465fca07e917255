// What a process of a cluster tells its log and its metrics.
import type { Membership, MembershipObserver } from "@millrace/membership/membership.ts";
import type { ClusterHost } from "@millrace/shard-host/hosting/cluster-host.ts";
import type { HostObserver } from "@millrace/shard-host/hosting/host-parts.ts";
import type { NodeAgent } from "@millrace/shard-host/ownership/node-agent.ts";
import type { OwnershipObserver } from "@millrace/shard-host/ownership/shard-agent.ts";
import type { Log } from "@millrace/telemetry/logger.ts";
import type { Metrics } from "@millrace/telemetry/metrics.ts";
import { observeShard, sampleShards } from "../observe.ts";

export interface Ears {
  readonly log: Log;
  readonly metrics: Metrics;
}

export function observeMembership(log: Log, refused: (reason: string) => void): MembershipObserver {
  return {
    refused,
    connection: (isConnected) => {
      if (isConnected) log.info("NATS is there.");
      else log.warn("NATS is out of reach; what needs it waits.");
    },
    malformed: (problem) => log.warn("Another process says what this one does not understand.", { error: problem }),
  };
}

export function observeHost({ log, metrics }: Ears): HostObserver {
  return {
    shard: (shard) => observeShard(shard, { log, metrics, progress: () => {} }),
    standbyFailed: (shard, reason) => log.warn("A standby cannot follow; it is tried again.", { shard, error: reason }),
    snapshotTaken: (shard, position, bytes, ms) =>
      log.info("A snapshot was taken.", { shard, position, bytes, durationMs: Math.round(ms) }),
    snapshotFailed: (shard, reason) => log.warn("A snapshot failed; it is tried again.", { shard, error: reason }),
    letGoFailed: (shard, reason) => log.warn("A part of a shard could not be closed.", { shard, error: reason }),
  };
}

export function observeOwnership({ log, metrics }: Ears): OwnershipObserver {
  return {
    tookOver: (shard, durationMs) => {
      metrics.takeOverSeconds.observe(durationMs / 1000);
      log.info("The shard is this process's now.", { shard, durationMs: Math.round(durationMs) });
    },
    takeOverFailed: (shard, reason) => {
      metrics.takeOversFailed.inc();
      log.warn("A take-over failed; it is tried again.", { shard, error: reason });
    },
    lost: (shard, reason) => {
      metrics.shardsLost.inc();
      log.warn("The shard is another process's now.", { shard, error: reason });
    },
  };
}

/** Sets the gauges of the cluster before every exposition. */
export function sampleMembership(membership: Membership, metrics: Metrics): void {
  metrics.sample(() => {
    metrics.clusterMembers.reset();
    for (const { health } of membership.members) metrics.clusterMembers.inc({ health });
    metrics.clusterLevel.set(membership.clusterLevel() ?? 0);
    metrics.clusterCoordinator.set(membership.coordinator === membership.process ? 1 : 0);
    metrics.clusterMapVersion.set(membership.map?.version ?? 0);
    metrics.leaseValid.set(membership.isLeaseValid ? 1 : 0);
  });
}

/** … and those of the shards that this process hosts. */
export function sampleHosted(agent: NodeAgent, host: ClusterHost, metrics: Metrics): void {
  sampleShards(() => host.owned(), metrics);
  metrics.sample(() => {
    metrics.shardsHosted.reset();
    for (const { role, state } of agent.hosted) metrics.shardsHosted.inc({ role, state });
  });
}
