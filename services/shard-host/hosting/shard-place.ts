// What a process has of one shard on its own disk: a store and a mirror, filled from a snapshot where they lag too far
// behind the journal.
import type { Archive } from "@millrace/archive/archive.ts";
import type { Mirror } from "@millrace/journal/mirror.ts";
import type { MapShard } from "@millrace/model/cluster.ts";
import type { Position } from "@millrace/model/ids.ts";
import type { Store } from "@millrace/store/store.ts";
import { newestSnapshot, partsOfSnapshot, type Snapshot } from "../standby/snapshots.ts";
import type { ShardPlaces } from "./host-parts.ts";

export class ShardPlace {
  readonly shard: MapShard;
  readonly store: Store;
  readonly mirror: Mirror;
  #upkeep: Promise<unknown> = Promise.resolve();
  #isClosing = false;

  constructor(shard: MapShard, store: Store, mirror: Mirror) {
    this.shard = shard;
    this.store = store;
    this.mirror = mirror;
  }

  /** Does something with the files of the store, after what else does and before they are closed. Rejects when they are. */
  inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = this.#upkeep.then(() => {
      if (this.#isClosing) throw new Error(`What there is of shard ${this.shard.id} is being closed.`);
      return work();
    });
    this.#upkeep = turn.catch(() => undefined);
    return turn;
  }

  /** Closes both, whatever becomes of either; rejects with what went wrong. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#upkeep;
    const [store, mirror] = await Promise.allSettled([this.store.close(), this.mirror.close()]);
    if (store.status === "rejected") throw store.reason;
    if (mirror.status === "rejected") throw mirror.reason;
  }
}

/**
 * Opens it. An empty store, and one whose next record is before `truncatedBefore`, begins at the newest snapshot, if that
 * is newer. Rejects when what is needed cannot be had.
 */
export async function openPlace(
  places: ShardPlaces,
  archive: Archive,
  shard: MapShard,
  truncatedBefore: Position,
): Promise<ShardPlace> {
  const found = await places.openStore(shard);
  const snapshot = await closedIfFails(found, neededSnapshot(archive, shard, found, truncatedBefore));
  if (snapshot !== null) {
    await found.close();
    await places.restoreStore(shard, partsOfSnapshot(archive, snapshot));
  }
  const store = snapshot === null ? found : await places.openStore(shard);
  return new ShardPlace(shard, store, await closedIfFails(store, places.openMirror(shard)));
}

/** What the store is to begin with instead of what it has; null = it goes on as it is. */
async function neededSnapshot(
  archive: Archive,
  { id, generation }: MapShard,
  store: Store,
  truncatedBefore: Position,
): Promise<Snapshot | null> {
  const reached = store.meta()?.position ?? 0;
  if (reached > 0 && reached + 1 >= truncatedBefore) return null;
  const snapshot = await newestSnapshot(archive, id);
  return snapshot?.generation === generation && snapshot.position > reached ? snapshot : null;
}

async function closedIfFails<Value>(store: Store, step: Promise<Value>): Promise<Value> {
  try {
    return await step;
  } catch (error: unknown) {
    await store.close();
    throw error;
  }
}
