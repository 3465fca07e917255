// What placing works on: the map as it changes under it, and what each process can be trusted with.
import type { ClusterMap, HostedShard, MapShard } from "@millrace/model/cluster.ts";
import type { ProcessId, ShardId } from "@millrace/model/ids.ts";
import { nameOfProcess } from "../process-id.ts";

/** What may be done with a process. */
export type Standing =
  /** May own and stand by. */
  | "fit"
  /** Lives, but gets nothing new and gives away what it has, as soon as somebody else is ready for it. */
  | "unfit"
  /** Stops soon: gives away what it owns at once. */
  | "leaving"
  /** Seems lost, but may still hold leases: nothing is taken from it yet, and nothing is given to it. */
  | "fading"
  /** Holds no lease and comes back as another process, if at all. */
  | "gone";

/** A process that hosts shards. One that the map names and that is not told of has been gone for ever. */
export interface PlacementNode {
  readonly process: ProcessId;
  readonly standing: Standing;
  /** Since when it is gone, ms on the clock of `nowMs`; meaningless while it is not. */
  readonly goneSinceMs: number;
  readonly hosted: readonly HostedShard[];
}

/** A shard of the map as it changes. */
export interface Seats {
  readonly shard: MapShard;
  owner: ProcessId | null;
  standby: ProcessId | null;
  previous: ProcessId | null;
}

export class Board {
  readonly seats: readonly Seats[];
  readonly nowMs: number;
  /** May own and stand by, and are not draining; in the order of their IDs. */
  readonly takers: readonly ProcessId[];
  readonly #nodes: ReadonlyMap<ProcessId, PlacementNode>;
  readonly #hosted: ReadonlyMap<ProcessId, ReadonlyMap<ShardId, HostedShard>>;
  readonly #draining: ReadonlySet<string>;
  readonly #owners = new Map<ProcessId, number>();
  readonly #standbys = new Map<ProcessId, number>();

  constructor(map: ClusterMap, nodes: readonly PlacementNode[], nowMs: number) {
    this.nowMs = nowMs;
    this.seats = map.shards.map((shard) => ({
      shard,
      owner: shard.owner,
      standby: shard.standby,
      previous: shard.previous,
    }));
    this.#nodes = new Map(nodes.map((node) => [node.process, node]));
    this.#hosted = new Map(nodes.map(({ process, hosted }) => [process, new Map(hosted.map((of) => [of.shard, of]))]));
    this.#draining = new Set(map.draining);
    const fit = nodes.filter(({ standing }) => standing === "fit").map(({ process }) => process);
    this.takers = fit.filter((process) => !this.isDraining(process)).toSorted();
    for (const { owner, standby } of this.seats) {
      if (owner !== null) count(this.#owners, owner, 1);
      if (standby !== null) count(this.#standbys, standby, 1);
    }
  }

  standing(process: ProcessId): Standing {
    return this.#nodes.get(process)?.standing ?? "gone";
  }

  isDraining(process: ProcessId): boolean {
    return this.#draining.has(nameOfProcess(process));
  }

  /** Gives away what it has, but without haste. */
  isGivingAway(process: ProcessId): boolean {
    const standing = this.standing(process);
    return standing === "unfit" || (standing === "fit" && this.isDraining(process));
  }

  /** How long it is gone, ms. Only of one that is. */
  goneForMs(process: ProcessId): number {
    const node = this.#nodes.get(process);
    return node === undefined ? Number.POSITIVE_INFINITY : this.nowMs - node.goneSinceMs;
  }

  /** Fit processes that are draining: better than none. */
  drainingButFit(): ProcessId[] {
    const processes = [...this.#nodes.keys()].toSorted();
    return processes.filter((process) => this.standing(process) === "fit" && this.isDraining(process));
  }

  /** What a process says of its seat at a shard; undefined = nothing. */
  hosted(seats: Seats, process: ProcessId): HostedShard | undefined {
    const { id, generation } = seats.shard;
    const hosted = this.#hosted.get(process)?.get(id);
    return hosted?.generation === generation ? hosted : undefined;
  }

  /** Whether the owner says that it serves. */
  isServing(seats: Seats): boolean {
    const hosted = seats.owner === null ? undefined : this.hosted(seats, seats.owner);
    return hosted?.role === "owner" && hosted.state === "ready";
  }

  /** Whether the standby says that it has caught up. */
  isStandbyReady(seats: Seats): boolean {
    const hosted = seats.standby === null ? undefined : this.hosted(seats, seats.standby);
    return hosted?.role === "standby" && hosted.state === "ready";
  }

  owned(process: ProcessId): number {
    return this.#owners.get(process) ?? 0;
  }

  standingBy(process: ProcessId): number {
    return this.#standbys.get(process) ?? 0;
  }

  /** Gives a shard to another owner, who asks `previous` to let go. */
  own(seats: Seats, owner: ProcessId, previous: ProcessId | null): void {
    if (seats.owner !== null) count(this.#owners, seats.owner, -1);
    count(this.#owners, owner, 1);
    seats.owner = owner;
    seats.previous = previous;
  }

  standBy(seats: Seats, standby: ProcessId | null): void {
    if (seats.standby !== null) count(this.#standbys, seats.standby, -1);
    if (standby !== null) count(this.#standbys, standby, 1);
    seats.standby = standby;
  }
}

function count(counts: Map<ProcessId, number>, process: ProcessId, by: number): void {
  counts.set(process, (counts.get(process) ?? 0) + by);
}
