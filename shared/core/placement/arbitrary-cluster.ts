// A cluster for placing to work on: processes that come, go and do what the map says, a round at a time.
import type { ClusterMap, HostedShard, MapShard } from "@millrace/model/cluster.ts";
import { type ProcessId, position, processId, processName, type ShardId, term } from "@millrace/model/ids.ts";
import type { PlacementNode, Standing } from "./board.ts";
import { initialMap } from "./initial-map.ts";
import { place } from "./place.ts";

/** Between rounds: some of what is awaited with patience takes several. */
const ROUND_MS = 1_000;

interface Life {
  readonly process: ProcessId;
  standing: Standing;
  goneSinceMs: number;
  /** What it serves or has caught up with; what the map says otherwise it begins in this round. */
  readonly ready: Map<ShardId, HostedShard["role"]>;
}

/** The first life of a process has ID `<name>-00000001`, the next `<name>-00000002`. */
export function lifeOf(name: string, life = 1): ProcessId {
  return processId(`${name}-${String(life).padStart(8, "0")}`);
}

export class ArbitraryCluster {
  map: ClusterMap;
  /** Owners that changed from one process to another. */
  moves = 0;
  readonly #lives = new Map<string, Life>();
  readonly #counts = new Map<string, number>();
  #nowMs = 1_000_000;

  constructor(shards: number) {
    this.map = initialMap(shards, 1);
  }

  join(name: string): void {
    if (this.#lives.get(name) !== undefined && this.#lives.get(name)?.standing !== "gone") return;
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    this.#lives.set(name, { process: lifeOf(name, count), standing: "fit", goneSinceMs: 0, ready: new Map() });
  }

  stand(name: string, standing: Standing): void {
    const life = this.#lives.get(name);
    if (life === undefined || life.standing === "gone") return;
    life.standing = standing;
    life.goneSinceMs = this.#nowMs;
  }

  drain(names: readonly string[]): void {
    this.map = { ...this.map, version: this.map.version + 1, draining: names.map(processName) };
  }

  /** Who lives and may get shards. */
  get takers(): ProcessId[] {
    const { draining } = this.map;
    const lives = [...this.#lives].filter(
      ([name, { standing }]) => standing === "fit" && !draining.includes(processName(name)),
    );
    return lives.map(([, { process }]) => process);
  }

  get nodes(): PlacementNode[] {
    return [...this.#lives.values()].map(({ process, standing, goneSinceMs, ready }) => ({
      process,
      standing,
      goneSinceMs,
      hosted: this.map.shards.flatMap((shard) => hosted(shard, process, ready) ?? []),
    }));
  }

  /** Places once, and lets processes finish what the map told them before. False = the map stays as it is. */
  round(): boolean {
    for (const life of this.#lives.values()) follow(this.map, life);
    this.#nowMs += ROUND_MS;
    const next = place(this.map, this.nodes, this.#nowMs);
    if (next === null) return false;
    for (const [index, { owner }] of next.shards.entries()) {
      const before = this.map.shards[index]?.owner ?? null;
      if (before !== null && before !== owner) this.moves++;
    }
    this.map = next;
    return true;
  }

  /** Places until nothing changed for as long as anything is awaited; the rounds it took. Throws beyond `roundsMax`. */
  settle(roundsMax = 1_000): number {
    let last = 0;
    for (let round = 1; round - last <= 20; round++) {
      if (this.round()) last = round;
      if (round > roundsMax) throw new Error(`Still changing after ${roundsMax} rounds.`);
    }
    return last;
  }

  /** How many shards each process has, of those there are. */
  counts(seat: "owner" | "standby"): Map<ProcessId, number> {
    const counts = new Map(this.takers.map((process) => [process, 0]));
    for (const shard of this.map.shards) {
      const process = shard[seat];
      if (process !== null) counts.set(process, (counts.get(process) ?? 0) + 1);
    }
    return counts;
  }
}

function follow(map: ClusterMap, { process, ready }: Life): void {
  ready.clear();
  for (const { id, owner, standby } of map.shards)
    if (owner === process) ready.set(id, "owner");
    else if (standby === process) ready.set(id, "standby");
}

function hosted(shard: MapShard, process: ProcessId, ready: ReadonlyMap<ShardId, string>): HostedShard | undefined {
  if (shard.owner !== process && shard.standby !== process) return undefined;
  const role = shard.owner === process ? "owner" : "standby";
  return {
    shard: shard.id,
    generation: shard.generation,
    role,
    state: ready.get(shard.id) === role ? "ready" : "opening",
    failures: 0,
    term: term(1),
    position: position(1),
    lag: 0,
  };
}
