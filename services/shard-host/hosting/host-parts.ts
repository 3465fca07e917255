// What a process needs to host shards of a cluster; the composition decides the adapters.
import type { Archive } from "@millrace/archive/archive.ts";
import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import type { FollowJournal, Journal } from "@millrace/journal/journal.ts";
import type { Mirror } from "@millrace/journal/mirror.ts";
import type { Kv } from "@millrace/kv/kv.ts";
import type { Shards } from "@millrace/link/link.ts";
import type { LocalShard } from "@millrace/link/local-shard.ts";
import type { MapShard } from "@millrace/model/cluster.ts";
import type { Position, ShardId } from "@millrace/model/ids.ts";
import type { ArrivingPart, Store } from "@millrace/store/store.ts";
import type { FindDefinition } from "../decider.ts";
import type { ShardObserver } from "../shard-options.ts";

/** Where a shard's things are: its journal in the cluster, the rest with this process. */
export interface ShardPlaces {
  /** Opens the journal for writing: whoever had it is fenced. */
  openJournal(shard: MapShard): Promise<Journal>;
  follow(shard: MapShard): FollowJournal;
  /** Opens this process's store of a shard and generation, making it if need be. */
  openStore(shard: MapShard): Promise<Store>;
  /** Puts a copy in place of that store, which is closed. */
  restoreStore(shard: MapShard, parts: AsyncIterable<ArrivingPart>): Promise<void>;
  openMirror(shard: MapShard): Promise<Mirror>;
}

/** Ends what it began. */
export interface Served {
  close(): void;
}

export interface HostParts {
  /** This process, as claims and announcements name it. */
  readonly process: string;
  readonly clock: Clock;
  readonly blobs: Blobs;
  readonly archive: Archive;
  readonly kv: Kv;
  readonly places: ShardPlaces;
  readonly findDefinition: FindDefinition;
  /** The shards of all runs, wherever they are: where messages of runs go. */
  readonly submit: Shards["submit"];
  /** Whether this process surely owns the shard at this instant. */
  readonly mayAnswerFromMemory: (shard: ShardId) => boolean;
  /** Lets gateways reach a shard that serves here. */
  readonly serve: (shard: MapShard, local: LocalShard) => Promise<Served>;
  /** How far its owner says the shard is; null = nothing was heard. */
  readonly ownerPosition: (shard: ShardId) => Position | null;
  readonly observer: HostObserver;
}

/** Hears what becomes of hosted shards, for logs and metrics. */
export interface HostObserver {
  shard(shard: ShardId): ShardObserver;
  /** A standby cannot follow for now; it is tried again. */
  standbyFailed(shard: ShardId, reason: string): void;
  snapshotTaken(shard: ShardId, at: Position, bytes: number, ms: number): void;
  snapshotFailed(shard: ShardId, reason: string): void;
  /** Something of a shard could not be closed; it is let go of all the same. */
  letGoFailed(shard: ShardId, reason: string): void;
}
