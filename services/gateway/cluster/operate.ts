// GetCluster, ListNodes, ListShards, DrainNode, UndrainNode and SnapshotShard.
import { isProcessName, nameOfProcess } from "@millrace/core/process-id.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import type { ProcessName } from "@millrace/model/ids.ts";
import type {
  DrainNodeRequest,
  DrainNodeResponse,
  GetClusterRequest,
  GetClusterResponse,
  ListNodesRequest,
  ListNodesResponse,
  ListShardsRequest,
  ListShardsResponse,
  SnapshotShardRequest,
  SnapshotShardResponse,
  UndrainNodeRequest,
  UndrainNodeResponse,
} from "@millrace/rpc/generated/millrace/v1/cluster_service.ts";
import { type Outcome, Refused } from "../calls/call.ts";
import { invalid, shown } from "../calls/fields.ts";
import { nodeMessages, shardMessages } from "./cluster-messages.ts";
import type { ClusterState, ClusterView } from "./cluster-view.ts";

export interface ClusterPorts {
  readonly cluster: ClusterView;
}

export async function getCluster(
  { cluster }: ClusterPorts,
  _request: GetClusterRequest,
): Promise<Outcome<GetClusterResponse>> {
  const { process, coordinator, map, level } = cluster.state();
  return {
    clustered: cluster.operations !== null,
    processId: process,
    coordinator: coordinator ?? "",
    mapVersion: map?.version ?? 0,
    protocolLevel: level,
    draining: [...(map?.draining ?? [])],
  };
}

export async function listNodes(
  { cluster }: ClusterPorts,
  _request: ListNodesRequest,
): Promise<Outcome<ListNodesResponse>> {
  return { nodes: nodeMessages(cluster.state()) };
}

export async function listShards(
  { cluster }: ClusterPorts,
  _request: ListShardsRequest,
): Promise<Outcome<ListShardsResponse>> {
  return { shards: shardMessages(cluster.state()) };
}

export async function drainNode(ports: ClusterPorts, { name }: DrainNodeRequest): Promise<Outcome<DrainNodeResponse>> {
  return (await setDraining(ports, name, true)) ?? {};
}

export async function undrainNode(
  ports: ClusterPorts,
  { name }: UndrainNodeRequest,
): Promise<Outcome<UndrainNodeResponse>> {
  return (await setDraining(ports, name, false)) ?? {};
}

export async function snapshotShard(
  { cluster }: ClusterPorts,
  { shardId }: SnapshotShardRequest,
): Promise<Outcome<SnapshotShardResponse>> {
  if (cluster.operations === null) return new Refused(refusal("NOT_CLUSTERED"));
  const shard = cluster.state().map?.shards.find(({ id }) => id === shardId);
  if (shard === undefined) {
    const message = `shard_id is ${shardId}; the cluster has no such shard.`;
    return new Refused(refusal("SHARD_NOT_FOUND", { field: "shard_id", message }));
  }
  const answer = await cluster.operations.snapshot(shard);
  return "code" in answer ? new Refused(answer) : { position: answer.position, processId: answer.process };
}

async function setDraining({ cluster }: ClusterPorts, name: string, isDraining: boolean): Promise<Refused | null> {
  if (cluster.operations === null) return new Refused(refusal("NOT_CLUSTERED"));
  if (!isProcessName(name)) {
    const message = `name is ${shown(name)}; a process's name has 1 to 64 characters of [A-Za-z0-9_-].`;
    return invalid("name", message, "Send the name as `millrace start --name` had it, or as ListNodes shows it.");
  }
  if (!isKnown(cluster.state(), name)) {
    const message = `name is ${name}; no process of this name hosts shards.`;
    return new Refused(refusal("NODE_NOT_FOUND", { field: "name", message }));
  }
  const answer = await cluster.operations.drain(name, isDraining);
  return answer === null ? null : new Refused(answer);
}

/** Whether there is such a node, or was one that shards are still wanted with, or that is drained. */
function isKnown({ map, members }: ClusterState, name: ProcessName): boolean {
  if (members.some((member) => member.name === name && member.roles.includes("node"))) return true;
  if (map === null) return false;
  const seats = map.shards.flatMap(({ owner, standby }) => [owner, standby]);
  return map.draining.includes(name) || seats.some((process) => process !== null && nameOfProcess(process) === name);
}
