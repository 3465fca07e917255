// Where a process of a cluster keeps what it has of shards, and how it reaches their journals:
//
//   <folder>/cluster/<prefix>/<shard>.<generation>/store/    their folded state, as owner or standby
//                                                 /mirror/   the newest records, for healing a journal that lost some
//
// All of it can be had again from NATS: a folder that is lost costs a boot from the newest snapshot.
import { join } from "node:path";
import { openFileMirror } from "@millrace/journal/file/mirror.ts";
import { followJetStreamJournal } from "@millrace/journal/jetstream/follow.ts";
import { openJetStreamJournal } from "@millrace/journal/jetstream/open.ts";
import { journalPlace } from "@millrace/journal/jetstream/streams.ts";
import type { MapShard } from "@millrace/model/cluster.ts";
import type { NatsClient } from "@millrace/nats/connect.ts";
import type { ShardPlaces } from "@millrace/shard-host/hosting/host-parts.ts";
import { openLmdbStore, setAside } from "@millrace/store/lmdb/open.ts";
import { restoreLmdbStore } from "@millrace/store/lmdb/restore.ts";
import { type Store, StoreDamaged } from "@millrace/store/store.ts";
import type { Log } from "@millrace/telemetry/logger.ts";

export interface ShardFoldersParts {
  /** The data folder; this process's alone. */
  readonly folder: string;
  readonly client: NatsClient;
  /** This process, for whoever reads the streams. */
  readonly process: string;
  readonly retentionMs: number;
  readonly log: Log;
}

export function shardFolders({ folder, client, process, retentionMs, log }: ShardFoldersParts): ShardPlaces {
  const { connection, names } = client;
  const homeOf = ({ id, generation }: MapShard): string => join(folder, "cluster", names.prefix, `${id}.${generation}`);
  const storeOf = (shard: MapShard): string => join(homeOf(shard), "store");
  const placeOf = ({ id, generation, stream }: MapShard) => journalPlace(names.prefix, stream, id, generation);
  const way = { connection, inboxPrefix: names.inbox };
  const openStore = async (shard: MapShard): Promise<Store> => {
    const path = storeOf(shard);
    try {
      return await openLmdbStore(path, { retentionMs });
    } catch (error: unknown) {
      if (!(error instanceof StoreDamaged)) throw error;
      const aside = await setAside(path);
      log.error("A damaged store was set aside; it is built anew.", { path: aside, error: error.message });
      return openLmdbStore(path, { retentionMs });
    }
  };
  return {
    openJournal: (shard) => openJetStreamJournal(placeOf(shard), { ...way, holder: process }),
    follow: (shard) => (options) => followJetStreamJournal(placeOf(shard), way, options),
    openStore,
    restoreStore: (shard, parts) => restoreLmdbStore(storeOf(shard), parts),
    openMirror: (shard) => openFileMirror(join(homeOf(shard), "mirror")),
  };
}
