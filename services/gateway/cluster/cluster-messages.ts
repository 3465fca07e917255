// What is known of a cluster, as the API shows it.
import { nameOfProcess } from "@millrace/core/process-id.ts";
import type { Health, HostedShard, MapShard, Member, Role } from "@millrace/model/cluster.ts";
import type { ProcessId } from "@millrace/model/ids.ts";
import {
  type ClusterNode,
  type ClusterShard,
  CopyState,
  NodeHealth,
  NodeRole,
  type ShardCopy,
} from "@millrace/rpc/generated/millrace/v1/cluster_service.ts";
import type { ClusterState } from "./cluster-view.ts";

/** Of the field's type. */
const INT32_MAX = 2 ** 31 - 1;

const ROLES: Readonly<Record<Role, NodeRole>> = {
  node: NodeRole.NODE,
  gateway: NodeRole.GATEWAY,
  connectors: NodeRole.CONNECTORS,
};

const HEALTHS: Readonly<Record<Health, NodeHealth>> = {
  live: NodeHealth.LIVE,
  leaving: NodeHealth.LEAVING,
  wedged: NodeHealth.WEDGED,
  silent: NodeHealth.SILENT,
  gone: NodeHealth.GONE,
};

const STATES: Readonly<Record<HostedShard["state"], CopyState>> = {
  opening: CopyState.OPENING,
  ready: CopyState.READY,
  failed: CopyState.FAILED,
  closing: CopyState.CLOSING,
};

export function nodeMessages({ map, members }: ClusterState): ClusterNode[] {
  const wanted = new Map<ProcessId, number>();
  for (const { owner, standby } of map?.shards ?? [])
    for (const process of [owner, standby]) if (process !== null) wanted.set(process, (wanted.get(process) ?? 0) + 1);
  return members.map((member) => {
    const { process, name, roles, versions, health, clockAheadMs, load } = member;
    const hosted = saidBy(member);
    return {
      processId: process,
      name,
      roles: roles.map((role) => ROLES[role]),
      health: HEALTHS[health],
      protocolMin: versions.min,
      protocolMax: versions.max,
      clockAheadMs: Math.max(-INT32_MAX, Math.min(INT32_MAX, Math.round(clockAheadMs))),
      load,
      draining: map?.draining.includes(name) === true,
      ownedShards: hosted.filter(({ role }) => role === "owner").length,
      standbyShards: hosted.filter(({ role }) => role === "standby").length,
      wantedShards: wanted.get(process) ?? 0,
    };
  });
}

export function shardMessages({ map, members }: ClusterState): ClusterShard[] {
  const byProcess = new Map(members.map((member) => [member.process, member]));
  const copy = (shard: MapShard, role: HostedShard["role"]): ShardCopy | undefined => {
    const process = shard[role];
    return process === null ? undefined : copyMessage(shard, role, { process, member: byProcess.get(process) });
  };
  return (map?.shards ?? []).map((shard) => ({
    shardId: shard.id,
    slotsFrom: shard.from,
    slotsUntil: shard.until,
    generation: shard.generation,
    stream: shard.stream,
    owner: copy(shard, "owner"),
    standby: copy(shard, "standby"),
  }));
}

function copyMessage(
  { id, generation }: MapShard,
  role: HostedShard["role"],
  { process, member }: { readonly process: ProcessId; readonly member: Member | undefined },
): ShardCopy {
  const hosted = saidBy(member).find(
    (each) => each.shard === id && each.role === role && each.generation === generation,
  );
  return {
    processId: process,
    name: nameOfProcess(process),
    health: member === undefined ? NodeHealth.UNSPECIFIED : HEALTHS[member.health],
    state: hosted === undefined ? CopyState.UNSPECIFIED : STATES[hosted.state],
    term: hosted?.term ?? 0,
    position: hosted?.position ?? 0,
    lag: hosted?.lag ?? 0,
    failures: hosted?.failures ?? 0,
  };
}

/** What a process hosts as it says itself: what it said before it was lost does not hold any more. */
function saidBy(member: Member | undefined): readonly HostedShard[] {
  return member === undefined || member.health === "gone" || member.health === "silent" ? [] : member.hosted;
}
