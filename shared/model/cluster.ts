// A cluster as its processes see it: which of them live, and which is to host which shard.
import type { Position, ProcessId, ProcessName, ShardId, Term } from "./ids.ts";

/** What a process does for the cluster; one may do several things. */
export type Role = "node" | "gateway" | "connectors";

/** The versions of the protocol between processes that one of them speaks, both inclusive. */
export interface ProtocolVersions {
  readonly min: number;
  readonly max: number;
}

/**
 * Where every shard is wanted. One value under one key, changed by compare-and-set. It decides nothing about safety: who
 * owns a shard is who appended the newest claim to its journal (I2).
 */
export interface ClusterMap {
  /** From 1; every change adds 1. */
  readonly version: number;
  /** The epoch of the coordinator that wrote it last; 0 = none did. */
  readonly epoch: number;
  /** In the order of their slots. Together they cover every slot once. */
  readonly shards: readonly MapShard[];
  /** Processes that are to give away what they host and to get nothing more. */
  readonly draining: readonly ProcessName[];
}

export interface MapShard {
  readonly id: ShardId;
  /** Its first slot. */
  readonly from: number;
  /** The slot after its last one. */
  readonly until: number;
  /** Which of the shard's journals counts, from 1: a healed shard begins a new one. */
  readonly generation: number;
  /** The number of the stream that holds its journal, from 0. */
  readonly stream: number;
  /** Who is to own it. A process that is gone keeps its seat until another one fits: that is where the data lie. */
  readonly owner: ProcessId | null;
  /** The version that gave it to its owner; one that finds another number here was not the owner in between. */
  readonly ownedSince: number;
  /** Who is to follow it, ready to take over; never the owner. A process that is gone may keep its seat for a while. */
  readonly standby: ProcessId | null;
  /** Who may still hold it and is asked to let go before the owner opens it; null = nobody. */
  readonly previous: ProcessId | null;
  /** The shard it was split off; null = none. */
  readonly parent: ShardId | null;
}

/** A shard that a process hosts, as it says itself. */
export interface HostedShard {
  readonly shard: ShardId;
  readonly generation: number;
  readonly role: "owner" | "standby";
  /** `ready`: an owner serves, a standby has caught up. */
  readonly state: "opening" | "ready" | "failed" | "closing";
  /** Take-overs that failed one after the other. */
  readonly failures: number;
  readonly term: Term;
  /** The newest record it has folded. */
  readonly position: Position;
  /** Records it knows of and has not folded yet. */
  readonly lag: number;
}

/** A process of the cluster, as the others see it. */
export interface Member {
  readonly process: ProcessId;
  readonly name: ProcessName;
  readonly roles: readonly Role[];
  readonly versions: ProtocolVersions;
  readonly health: Health;
  /** How far its wall clock is ahead of the cluster's, ms; negative = behind. */
  readonly clockAheadMs: number;
  /** Commands that wait and tasks that it holds: what it has to do. */
  readonly load: number;
  readonly hosted: readonly HostedShard[];
}

export type Health =
  | "live"
  /** Stops soon and wants to be rid of everything first. */
  | "leaving"
  /** Its event loop has not turned for long: it does nothing for its shards. */
  | "wedged"
  /** Nothing is heard of it. */
  | "silent"
  /** It said good-bye, or nobody listens where it did. */
  | "gone";
