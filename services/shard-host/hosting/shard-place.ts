// What a process has of one shard on its own disk: a store and a mirror, filled from a snapshot where they lag too far
// behind the journal.
import type { Archive } from "@millrace/archive/archive.ts";
import type { Mirror } from "@millrace/journal/mirror.ts";
import type { MapShard } from "@millrace/model/cluster.ts";
import type { Position } from "@millrace/model/ids.ts";
import type { Store } from "@millrace/store/store.ts";
import { newestSnapshot, partsOfSnapshot } from "../standby/snapshots.ts";
import type { ShardPlaces } from "./host-parts.ts";

export interface ShardPlace {
  readonly shard: MapShard;
  readonly store: Store;
  readonly mirror: Mirror;
}

/**
 * Opens it. An empty store, and one whose next record (behind `neededFrom`) is truncated, begins at the newest snapshot,
 * if that is newer. Rejects when what is needed cannot be had.
 */
export async function openPlace(
  places: ShardPlaces,
  archive: Archive,
  shard: MapShard,
  truncatedBefore: Position,
): Promise<ShardPlace> {
  let store = await places.openStore(shard);
  try {
    const reached = store.meta()?.position ?? 0;
    if (reached === 0 || reached + 1 < truncatedBefore) {
      const snapshot = await newestSnapshot(archive, shard.id);
      if (snapshot !== null && snapshot.generation === shard.generation && snapshot.position > reached) {
        await store.close();
        await places.restoreStore(shard, partsOfSnapshot(archive, snapshot));
        store = await places.openStore(shard);
      }
    }
    return { shard, store, mirror: await places.openMirror(shard) };
  } catch (error: unknown) {
    await store.close().catch(() => undefined);
    throw error;
  }
}

export async function closePlace({ store, mirror }: ShardPlace): Promise<void> {
  await Promise.all([store.close(), mirror.close()]);
}
