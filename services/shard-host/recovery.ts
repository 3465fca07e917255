// Brings a shard's memory back, or up to date: every record of the journal behind what is folded already.
import type { Journal } from "@millrace/journal/journal.ts";
import { position } from "@millrace/model/ids.ts";
import type { Replay } from "./replay.ts";

/** The store and the journal are not of the same shard, or one of them lost what the other remembers. */
export class StoreAheadOfJournal extends Error {
  override readonly name = "StoreAheadOfJournal";
}

/** What a recovery found. */
export interface Recovered {
  readonly records: number;
  readonly events: number;
  /** Live runs touched since the checkpoint; they are all in memory. */
  readonly live: number;
}

/** Records between two signs of life. */
const PROGRESS_RECORDS = 256;

/** Folds everything that is durable and not folded yet. */
export async function recover(
  replay: Replay,
  journal: Journal,
  progress: (records: number) => void,
): Promise<Recovered> {
  const { records, events } = replay;
  const known = replay.tail;
  const tail = journal.tail();
  if (known.position > tail.position || (known.position === tail.position && known.chain !== tail.chain))
    throw new StoreAheadOfJournal(
      `The store's checkpoint is at ${known.position}, the journal ends at ${tail.position}: the journal lost records, or is another shard's.`,
    );
  await journal.read(position(known.position + 1), (record) => {
    replay.record(record);
    if (replay.records % PROGRESS_RECORDS === 0) progress(replay.records - records);
  });
  return {
    records: replay.records - records,
    events: replay.events - events,
    live: replay.memory.actors.live.size,
  };
}
