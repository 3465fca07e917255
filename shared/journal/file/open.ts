// The embedded default: a folder of preallocated segments, each append one write that is its own sync.
import type { Clock } from "@millrace/clock/clock.ts";
import { systemClock } from "@millrace/clock/system.ts";
import { type Journal, RECORD_BYTES_MAX } from "../journal.ts";
import type { Disk } from "./disk.ts";
import { FileJournal } from "./journal.ts";
import { nodeDisk } from "./node-disk.ts";
import { recover } from "./recover.ts";
import { SEGMENT_HEADER_BYTES } from "./segment.ts";
import { Spares } from "./spares.ts";

/** Size of a segment: at 100 KiB a turn a new one every 160 turns; sixteen shards growing at once write 256 MiB of zeros. */
export const SEGMENT_BYTES = 16 * 1024 * 1024;

/** The first segment of a new journal is small: a new shard is there at once, and an idle one costs little. */
const FIRST_SEGMENT_BYTES = 8 * 1024 * 1024;

if (FIRST_SEGMENT_BYTES < SEGMENT_HEADER_BYTES + RECORD_BYTES_MAX) {
  throw new Error("The largest record does not fit the first segment.");
}

export interface FileJournalOptions {
  /** Size of new segments. Appending a frame that does not fit one throws. Default {@link SEGMENT_BYTES}; smaller for tests. */
  readonly segmentBytes?: number;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/**
 * Opens the journal in a folder, making it if there is none, and cuts a torn tail off.
 * Rejects with JournalLocked while it is open elsewhere, with JournalDamaged when records are missing before later ones.
 */
export function openFileJournal(folder: string, options: FileJournalOptions = {}): Promise<Journal> {
  return openOnDisk(nodeDisk(folder), options);
}

/** Opens the journal on a disk of the caller's. */
export async function openOnDisk(disk: Disk, options: FileJournalOptions): Promise<Journal> {
  const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
  await disk.lock();
  try {
    const recovered = await recover(disk);
    const spares = new Spares(disk, segmentBytes);
    await spares.adopt();
    // What was removed must not come back: an append may take its place elsewhere.
    await disk.syncFolder();
    if (recovered.active === null) spares.prepare(Math.min(segmentBytes, FIRST_SEGMENT_BYTES));
    return new FileJournal({ disk, spares, segmentBytes, clock: options.clock ?? systemClock }, recovered);
  } catch (error: unknown) {
    await disk.unlock();
    throw error;
  }
}
