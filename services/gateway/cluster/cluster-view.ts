// What a gateway sees of the cluster that its process is in, and what it may ask of it. The composition brings it: nothing
// else of the gateway knows where it comes from.
import type { ClusterMap, MapShard, Member } from "@millrace/model/cluster.ts";
import type { Position, ProcessId, ProcessName } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";

/** What this process knows at an instant. */
export interface ClusterState {
  /** This process. */
  readonly process: ProcessId;
  /** null = nobody, as far as is known. */
  readonly coordinator: ProcessId | null;
  /** The newest version of the protocol that all processes speak; 0 = none is known. */
  readonly level: number;
  /** null = none is known yet. */
  readonly map: ClusterMap | null;
  /** By process ID. */
  readonly members: readonly Member[];
}

export interface SnapshotTaken {
  readonly process: ProcessId;
  readonly position: Position;
}

/** What may be asked of a cluster. */
export interface ClusterOperations {
  /** Has the processes of a name give away what they host, or take their share again; null = the map says so. */
  drain(name: ProcessName, isDraining: boolean): Promise<Refusal | null>;
  /** Has a snapshot of a shard taken by one of those that host it. */
  snapshot(shard: MapShard): Promise<SnapshotTaken | Refusal>;
}

export interface ClusterView {
  state(): ClusterState;
  /** null = there is no cluster: the process is on its own. */
  readonly operations: ClusterOperations | null;
}
