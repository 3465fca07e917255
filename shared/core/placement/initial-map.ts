import type { ClusterMap } from "@millrace/model/cluster.ts";
import { SLOT_COUNT, shardId } from "@millrace/model/ids.ts";

/** Most shards of a map: it stays far below the largest value of the cluster's common memory (200 bytes a shard). */
export const SHARDS_MAX = 2048;

/**
 * The map a cluster begins with: `shards` equal ranges of slots whose journals take turns over `streams` streams, nobody
 * hosting any. Throws RangeError beyond 1 to {@link SHARDS_MAX} shards, or 1 to as many streams as shards.
 */
export function initialMap(shards: number, streams: number): ClusterMap {
  if (!Number.isInteger(shards) || shards < 1 || shards > SHARDS_MAX)
    throw new RangeError(`A cluster has 1 to ${SHARDS_MAX} shards, not ${shards}.`);
  if (!Number.isInteger(streams) || streams < 1 || streams > shards)
    throw new RangeError(`${shards} shards lie on 1 to ${shards} streams, not ${streams}.`);
  return {
    version: 1,
    epoch: 0,
    shards: Array.from({ length: shards }, (_, index) => ({
      id: shardId(index),
      from: firstSlot(index, shards),
      until: firstSlot(index + 1, shards),
      generation: 1,
      stream: index % streams,
      owner: null,
      ownedSince: 1,
      standby: null,
      previous: null,
      parent: null,
    })),
    draining: [],
  };
}

/** Slot s belongs to range floor(s * ranges / SLOT_COUNT), as in a data folder of one process. */
function firstSlot(range: number, ranges: number): number {
  return Math.ceil((range * SLOT_COUNT) / ranges);
}
