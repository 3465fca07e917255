// Where shards are to be: owners that live, a standby for each, the work spread evenly, and as little moved as possible.
import type { ClusterMap, MapShard } from "@millrace/model/cluster.ts";
import { Board, type PlacementNode, type Seats } from "./board.ts";
import { replaceLostOwners } from "./lost-owners.ts";
import { movePlanned } from "./moves.ts";
import { balanceStandbys } from "./standby-balance.ts";
import { fillStandbys } from "./vacant-standbys.ts";

/**
 * The next map, or null when this one is as it should be for now. Call it again whenever something changed, and from time
 * to time: some of what it does waits for `nowMs` (any clock, ms) to pass.
 *
 * 1. Whoever is lost, or leaves, is replaced at once: by the standby, else by its own next life, else by whoever has
 *    least.
 * 2. Every shard has a standby if there are two processes. One that is gone is awaited for a while.
 * 3. All else is planned: a few at a time, and only to a standby that has caught up.
 */
export function place(map: ClusterMap, nodes: readonly PlacementNode[], nowMs: number): ClusterMap | null {
  const board = new Board(map, nodes, nowMs);
  replaceLostOwners(board);
  fillStandbys(board);
  movePlanned(board);
  if (!board.seats.some(isChanged)) balanceStandbys(board);
  if (!board.seats.some(isChanged)) return null;
  const version = map.version + 1;
  return { ...map, version, shards: board.seats.map((seats) => shardOf(seats, version)) };
}

function isChanged({ shard, owner, standby, previous }: Seats): boolean {
  return shard.owner !== owner || shard.standby !== standby || shard.previous !== previous;
}

function shardOf(seats: Seats, version: number): MapShard {
  const { shard, owner, standby, previous } = seats;
  const ownedSince = owner === shard.owner ? shard.ownedSince : version;
  return isChanged(seats) ? { ...shard, owner, ownedSince, standby, previous } : shard;
}
