// What happens when files of a data folder are not what was written: a store is rebuilt where the journal still holds
// everything that was in it; for anything else a person has to decide, and is told how.
import { join } from "node:path";
import { openFileJournal } from "@millrace/journal/file/open.ts";
import { JournalDamaged, JournalTruncated } from "@millrace/journal/journal.ts";
import { position } from "@millrace/model/ids.ts";
import { StoreAheadOfJournal } from "@millrace/shard-host/recovery.ts";
import { openLmdbStore, setAside } from "@millrace/store/lmdb/open.ts";
import { type Store, StoreDamaged, type StoreOptions } from "@millrace/store/store.ts";
import type { Log } from "@millrace/telemetry/logger.ts";
import { DataDamaged } from "./data-damaged.ts";

export interface ShardFolders {
  readonly journal: string;
  readonly store: string;
}

/** The folders of a shard below its own. */
export function foldersOf(home: string): ShardFolders {
  return { journal: join(home, "journal"), store: join(home, "store") };
}

/**
 * Opens a shard's store. A damaged one is set aside and a new one begun if the shard's journal still reaches back to its
 * first record, from which the shard then reads everything back; otherwise rejects with {@link DataDamaged}.
 */
export async function openStore({ journal, store }: ShardFolders, options: StoreOptions, log: Log): Promise<Store> {
  try {
    return await openLmdbStore(store, options);
  } catch (error: unknown) {
    if (!(error instanceof StoreDamaged)) throw error;
    if (!(await opened(journal, isWhole(journal)))) {
      throw new DataDamaged(
        `The store in ${store} is damaged (${error.message}), and the journal beside it no longer reaches back to its beginning: older runs are in the store alone.`,
      );
    }
    const path = await setAside(store);
    log.error("A damaged store was set aside; it is built anew from the journal.", { path, error: error.message });
    return openLmdbStore(store, options);
  }
}

/** Waits for something to open that lives in `folder`, and explains what is damaged there. */
export async function opened<Value>(folder: string, opening: Promise<Value>): Promise<Value> {
  try {
    return await opening;
  } catch (error: unknown) {
    if (error instanceof JournalDamaged) {
      throw new DataDamaged(`The journal in ${folder} is damaged: ${error.message}`);
    }
    if (error instanceof StoreAheadOfJournal || error instanceof JournalTruncated) {
      throw new DataDamaged(`Journal and store in ${folder} do not belong together: ${error.message}`);
    }
    throw error;
  }
}

/** Whether a journal can be read from its first record to its last. */
async function isWhole(folder: string): Promise<boolean> {
  const journal = await openFileJournal(folder);
  try {
    if (journal.tail().position === 0) return false;
    await journal.read(position(1), () => undefined);
    return true;
  } catch (error: unknown) {
    if (error instanceof JournalTruncated) return false;
    throw error;
  } finally {
    await journal.close();
  }
}
