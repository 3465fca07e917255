import type { Section } from "./section.ts";

/** What is kept, where and for how long. */
export interface StorageConfig {
  /**
   * The folder of everything durable: journals, stores, blobs, the registry. Made when missing. One process at a time.
   * @default "./data"
   */
  readonly folder: string;
  /**
   * How many shards the runs are spread over, 1 to 64. One is enough for one process; it is fixed when the folder is
   * first used.
   * @default 1
   */
  readonly shards: number;
  /**
   * How long ended runs are kept and found, ms, counted from the end of the day (UTC) they ended in; written as a
   * duration, `1d` to `3650d`. Idempotency keys are kept for 7 days at least.
   * @default 7d
   */
  readonly retentionMs: number;
}

/** Linux refuses longer paths. */
const PATH_CHARACTERS_MAX = 4096;

/** One event loop serves all shards of a process; beyond this many they only share it thinner. */
const SHARDS_MAX = 64;

const DAY_MS = 24 * 60 * 60 * 1000;

export function readStorage(section: Section): StorageConfig {
  return {
    folder: section.text("folder", "./data", PATH_CHARACTERS_MAX),
    shards: section.integer("shards", 1, { min: 1, max: SHARDS_MAX }),
    retentionMs: section.durationMs("retention", 7 * DAY_MS, { minMs: DAY_MS, maxMs: 3650 * DAY_MS }),
  };
}
