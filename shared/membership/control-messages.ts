// What the control of a process and its event loop send each other: plain data, so that a thread may lie between them.
import type { ClusterMap, HostedShard, Member } from "@millrace/model/cluster.ts";
import type { ProcessId } from "@millrace/model/ids.ts";

/** From the event loop. */
export type ControlRequest =
  /** What it hosts, and how much there is to do. */
  | { readonly type: "hosting"; readonly hosted: readonly HostedShard[]; readonly load: number }
  /** Tell the others that this process stops soon. */
  | { readonly type: "leave" }
  /** Say good-bye, give up the seat and the lease, and end. */
  | { readonly type: "stop" };

/** From the control. */
export type ControlNews =
  /** The others know of this process now. */
  | { readonly type: "joined" }
  /** This process cannot be one of the cluster, or no longer: it must stop. */
  | { readonly type: "refused"; readonly reason: string }
  | { readonly type: "map"; readonly map: ClusterMap }
  | { readonly type: "members"; readonly members: readonly Member[]; readonly coordinator: ProcessId | null }
  /** Whether NATS can be reached. */
  | { readonly type: "connection"; readonly isConnected: boolean }
  /** Something that another process sent, or that is stored, makes no sense. */
  | { readonly type: "malformed"; readonly problem: string }
  | { readonly type: "stopped" };
