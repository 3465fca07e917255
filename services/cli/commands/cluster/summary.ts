import type { Cluster, ClusterNode, ClusterShard, ShardCopy } from "@millrace/sdk/client/cluster.ts";

/** A cluster in a few numbers. */
export interface ClusterSummary extends Cluster {
  /** Processes that are there. */
  readonly processesLive: number;
  /** Processes that were there within the last minute and are not, or do not answer. */
  readonly processesLost: number;
  readonly shards: number;
  /** Shards whose owner serves them. */
  readonly shardsServed: number;
  /** Shards whose standby has caught up. */
  readonly standbysReady: number;
}

export function summaryOf(
  cluster: Cluster,
  nodes: readonly ClusterNode[],
  shards: readonly ClusterShard[],
): ClusterSummary {
  const live = nodes.filter(({ health }) => health === "live" || health === "leaving");
  return {
    ...cluster,
    processesLive: live.length,
    processesLost: nodes.length - live.length,
    shards: shards.length,
    shardsServed: shards.filter(({ owner }) => isReady(owner)).length,
    standbysReady: shards.filter(({ standby }) => isReady(standby)).length,
  };
}

/** What is not as it should be, and what to do; empty = all is well. */
export function troublesOf(summary: ClusterSummary): string[] {
  const { clustered, coordinator, mapVersion, processesLive, shards, shardsServed, standbysReady } = summary;
  const troubles: string[] = [];
  if (clustered && mapVersion === 0)
    troubles.push("There is no map of shards yet: start a process with the role node (millrace start --role node).");
  if (clustered && coordinator === "")
    troubles.push("Nobody coordinates: without a node, and while NATS is out of reach, nothing moves.");
  if (shardsServed < shards)
    troubles.push(`Shards not served: ${shards - shardsServed}. See which and why: millrace cluster shards`);
  else if (clustered && shards > 0 && standbysReady < shards)
    troubles.push(
      processesLive < 2
        ? "No shard has a standby: a second process with the role node would take over at once if this one died."
        : `Shards without a standby that has caught up: ${shards - standbysReady}. See them: millrace cluster shards`,
    );
  return troubles;
}

function isReady(copy: ShardCopy | undefined): boolean {
  return copy?.state === "ready";
}
