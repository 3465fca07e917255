// Bounds that 50 runs and a minute of virtual time reach: full turns, full mailboxes, checkpoints of many slices, paged
// reads of the store, budgets that run out. What depends on them is the same code.
import type { Patch } from "./patch.ts";

const LIMITS = "services/shard-host/limits.ts";

export const SMALL_BOUNDS: readonly Patch[] = [
  bound(LIMITS, "TURN_BYTES_MAX = RECORD_BYTES_MAX - RECORD_ENVELOPE_BYTES - COMMAND_RECORD_BYTES_MAX;", "6 * 1024;"),
  bound(LIMITS, "MAILBOX_STARTS_MAX = 20_000;", "160;"),
  bound(LIMITS, "ACTORS_MAX = 250_000;", "20;"),
  bound(LIMITS, "MAILBOX_CALLS_MAX = 20_000;", "6;"),
  bound(LIMITS, "OVERLAY_CHECKPOINT_BYTES = 24 * 1024 * 1024;", "12 * 1024;"),
  bound(LIMITS, "OVERLAY_BYTES_MAX = 160 * 1024 * 1024;", "48 * 1024;"),
  bound(LIMITS, "CHECKPOINT_JOURNAL_BYTES = 48 * 1024 * 1024;", "24 * 1024;"),
  bound(LIMITS, "SLICE_BYTES_MAX = 1024 * 1024;", "4 * 1024;"),
  bound(LIMITS, "SLICE_ROWS_MAX = 256;", "4;"),
  bound(LIMITS, "STORE_PAGE = 1_000;", "3;"),
  bound(LIMITS, "MESSAGES_WAITING_MAX = 20_000;", "8;"),
  bound(LIMITS, "FLYING_MAX = 512;", "3;"),
  bound(LIMITS, "FLIGHT_MESSAGES_MAX = 64;", "2;"),
  bound(LIMITS, "ACKS_A_TURN_MAX = 1_024;", "2;"),
  bound(LIMITS, "WOKEN_A_TIME_MAX = 256;", "2;"),
  bound("shared/core/run/open-children.ts", "CHILDREN_OPEN_MAX = 256;", "3;"),
  bound(LIMITS, "BLOB_TEXT_BYTES_MAX = 64 * 1024 * 1024;", "80_000;"),
  bound(LIMITS, "LOADS_MAX = 4;", "1;"),
  bound("shared/core/run/blobs.ts", "BLOBS_READ_BYTES_MAX = 32 * 1024 * 1024;", "80_000;"),
  bound(LIMITS, "LIST_BYTES_MAX = 2 * 1024 * 1024;", "2 * 1024;"),
  bound(LIMITS, "WATCH_SMALL_BYTES = 64 * 1024;", "512;"),
  bound(LIMITS, "WATCH_BYTES_PER_SECOND = 2 * 1024 * 1024;", "8 * 1024;"),
  bound("shared/core/run/decision.ts", "COMMAND_EVENTS_MAX = 256;", "6;"),
  bound("shared/core/run/commands/signal.ts", "SIGNALS_BUFFERED_MAX = 1000;", "4;"),
];

function bound(file: string, find: string, value: string): Patch {
  return { file, find, put: `${find.slice(0, find.indexOf("=") + 1)} ${value}` };
}
