// What operators see of a cluster and ask of it, with names instead of numbers.
import type { Health, HostedShard, Role } from "@millrace/model/cluster.ts";
import {
  ClusterServiceService,
  CopyState,
  NodeHealth,
  NodeRole,
  type ShardCopy as WireCopy,
  type ClusterNode as WireNode,
  type ClusterShard as WireShard,
} from "@millrace/rpc/generated/millrace/v1/cluster_service.ts";
import { fastMethods } from "@millrace/rpc/wire/fast-methods.ts";
import type { UnaryMethod } from "./unary-call.ts";

/** What a server says of its cluster. */
export interface Cluster {
  /** Whether there is one; a server on its own shows itself as the only process. */
  readonly clustered: boolean;
  /** The process that answered. */
  readonly processId: string;
  /** Who coordinates; empty = nobody, as far as is known. */
  readonly coordinator: string;
  /** 0 = no map is known yet. */
  readonly mapVersion: number;
  /** The newest version of the protocol that all processes speak; 0 = none is known. */
  readonly protocolLevel: number;
  /** Names that are drained. */
  readonly draining: readonly string[];
}

/** A process of the cluster. */
export interface ClusterNode {
  /** New at every start. */
  readonly processId: string;
  /** The same through all its lives. */
  readonly name: string;
  readonly roles: readonly (Role | "unknown")[];
  readonly health: Health | "unknown";
  readonly protocolMin: number;
  readonly protocolMax: number;
  /** How far its wall clock is ahead of the cluster's, ms; negative = behind. */
  readonly clockAheadMs: number;
  /** Commands that wait there. */
  readonly load: number;
  readonly draining: boolean;
  /** Shards that it says it owns, or follows as a standby. */
  readonly ownedShards: number;
  readonly standbyShards: number;
  /** Shards that are wanted with it, in either role. */
  readonly wantedShards: number;
}

/** A process that is to own or to follow a shard. */
export interface ShardCopy {
  readonly processId: string;
  readonly name: string;
  readonly health: Health | "unknown";
  /** `unknown`: it has said nothing of the shard yet, or is not there. */
  readonly state: HostedShard["state"] | "unknown";
  /** 0 = a standby, or an owner that does not serve yet. */
  readonly term: number;
  /** The newest record that it has folded. */
  readonly position: number;
  /** Records that it has yet to fold. */
  readonly lag: number;
  /** Tries that failed one after the other. */
  readonly failures: number;
}

/** A range of slots, and where it is wanted. */
export interface ClusterShard {
  readonly shardId: number;
  readonly slotsFrom: number;
  /** The slot after its last one. */
  readonly slotsUntil: number;
  readonly generation: number;
  readonly stream: number;
  readonly owner: ShardCopy | undefined;
  readonly standby: ShardCopy | undefined;
}

export interface ShardSnapshot {
  /** Everything up to this record is in it. */
  readonly position: number;
  /** Who took it. */
  readonly processId: string;
}

/** The part of the API that is for operators. Throws as {@link Client} does. */
export interface ClusterClient {
  get(): Promise<Cluster>;
  /** All processes, those gone within the last minute included. */
  listNodes(): Promise<readonly ClusterNode[]>;
  /** In the order of their slots. */
  listShards(): Promise<readonly ClusterShard[]>;
  /** Has the processes of a name give away all they host. It goes on after the call: listNodes shows how far it is. */
  drainNode(name: string): Promise<void>;
  /** Takes a drain back. */
  undrainNode(name: string): Promise<void>;
  /** Copies a shard's state into the archive; it may take as long as gigabytes take. */
  snapshotShard(shardId: number): Promise<ShardSnapshot>;
}

/** Makes one call. */
export type Call = <Request, Response>(method: UnaryMethod<Request, Response>, request: Request) => Promise<Response>;

const CLUSTER = fastMethods(ClusterServiceService);

export function clusterClient(call: Call): ClusterClient {
  return {
    get: () => call(CLUSTER.getCluster, {}),
    listNodes: async () => (await call(CLUSTER.listNodes, {})).nodes.map(nodeOf),
    listShards: async () => (await call(CLUSTER.listShards, {})).shards.map(shardOf),
    drainNode: async (name) => void (await call(CLUSTER.drainNode, { name })),
    undrainNode: async (name) => void (await call(CLUSTER.undrainNode, { name })),
    snapshotShard: (shardId) => call(CLUSTER.snapshotShard, { shardId }),
  };
}

const ROLES: Readonly<Record<NodeRole, ClusterNode["roles"][number]>> = {
  [NodeRole.UNSPECIFIED]: "unknown",
  [NodeRole.NODE]: "node",
  [NodeRole.GATEWAY]: "gateway",
  [NodeRole.CONNECTORS]: "connectors",
};

const HEALTHS: Readonly<Record<NodeHealth, ClusterNode["health"]>> = {
  [NodeHealth.UNSPECIFIED]: "unknown",
  [NodeHealth.LIVE]: "live",
  [NodeHealth.LEAVING]: "leaving",
  [NodeHealth.WEDGED]: "wedged",
  [NodeHealth.SILENT]: "silent",
  [NodeHealth.GONE]: "gone",
};

const STATES: Readonly<Record<CopyState, ShardCopy["state"]>> = {
  [CopyState.UNSPECIFIED]: "unknown",
  [CopyState.OPENING]: "opening",
  [CopyState.READY]: "ready",
  [CopyState.FAILED]: "failed",
  [CopyState.CLOSING]: "closing",
};

function nodeOf(wire: WireNode): ClusterNode {
  // Of a newer server there may be others.
  return {
    ...wire,
    roles: wire.roles.map((role) => ROLES[role] ?? "unknown"),
    health: HEALTHS[wire.health] ?? "unknown",
  };
}

function shardOf(wire: WireShard): ClusterShard {
  const { owner, standby } = wire;
  return { ...wire, owner: owner && copyOf(owner), standby: standby && copyOf(standby) };
}

function copyOf(wire: WireCopy): ShardCopy {
  return { ...wire, health: HEALTHS[wire.health] ?? "unknown", state: STATES[wire.state] ?? "unknown" };
}
