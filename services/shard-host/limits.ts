// The bounds of one shard, each with its reason (I9).
import { BLOBS_READ_BYTES_MAX } from "@millrace/core/run/blobs.ts";
import { COMMAND_RECORD_BYTES_MAX } from "@millrace/core/run/decision.ts";
import { RECORD_BYTES_MAX } from "@millrace/journal/journal.ts";
import { RECORD_BODY_BYTES_MAX } from "@millrace/journal/record.ts";
import { DEFINITION_BYTES_MAX } from "@millrace/model/definition.ts";

/** A record's header and the slack a checksum or a claim may want. */
const RECORD_ENVELOPE_BYTES = 1024;

/**
 * A turn takes no further command once its record holds this much: whatever the next one makes still fits. About 600
 * commands of a standard run, and some 10 ms of work.
 */
export const TURN_BYTES_MAX = RECORD_BYTES_MAX - RECORD_ENVELOPE_BYTES - COMMAND_RECORD_BYTES_MAX;

// A definition is pinned in a turn that still takes commands: it must fit beside them.
if (TURN_BYTES_MAX + DEFINITION_BYTES_MAX + RECORD_ENVELOPE_BYTES > RECORD_BODY_BYTES_MAX)
  throw new Error("A record has no room for a definition beside a turn's commands.");

/** A turn gives the event loop back after this long, whatever is left: streams and timers want their share. */
export const TURN_MS_MAX = 8;
/** Between looks at the monotonic clock: reading it costs about as much as a tenth of a command. */
export const TURN_CLOCK_CHECK = 16;

/**
 * An open turn of this many commands is sent the moment the record before it is durable. Appending costs the event loop
 * some 70 µs, the price of five commands: below this, waiting for what else is at hand pays (docs/performance.md).
 */
export const SEND_AT_ONCE_COMMANDS = 256;

/** Starts waiting in the mailbox; beyond, callers are asked to come back. Two seconds of work at full speed. */
export const MAILBOX_STARTS_MAX = 20_000;
/** Other calls waiting (signals, cancels, …; results are bounded by the credits given out). */
export const MAILBOX_CALLS_MAX = 20_000;
/** When a refused caller should come back. */
export const OVERLOAD_RETRY_MS = 250;

/** Runs in memory. A standard run takes some 3 kB, so this is below 1 GiB a process. */
export const ACTORS_MAX = 250_000;
/** … and their payloads: with the rest of the process well below what a small machine has. */
export const LIVE_BYTES_MAX = 1024 * 1024 * 1024;
/** Payloads of starts waiting in the mailbox. */
export const MAILBOX_START_BYTES_MAX = 64 * 1024 * 1024;

/** Ended runs waiting for their checkpoint: a checkpoint starts at the first, intake pauses at the second. */
export const OVERLAY_CHECKPOINT_BYTES = 24 * 1024 * 1024;
export const OVERLAY_BYTES_MAX = 160 * 1024 * 1024;
/** Journal written since the last checkpoint, which bounds the replay after a crash to well below a second. */
export const CHECKPOINT_JOURNAL_BYTES = 48 * 1024 * 1024;
/** A checkpoint starts at the latest this long after the first change since the last one. */
export const CHECKPOINT_AFTER_MS = 10_000;
/** After one that failed for want of room. */
export const CHECKPOINT_RETRY_MS = 5_000;
/** A slice of a checkpoint (DESIGN §5: at most 4 MiB and 5 ms of the loop). */
export const SLICE_BYTES_MAX = 1024 * 1024;
export const SLICE_ROWS_MAX = 256;

/** Timers due within this window are in memory; the rest wait in the store. */
export const TIMER_WINDOW_MS = 60_000;
/** How many timers or runs are read from the store at a time. */
export const STORE_PAGE = 1_000;

/**
 * What one page of a list may read of runs' encoded states: some 25 ms of the loop at worst, and enough for 1,000 runs of
 * a usual size. The page ends early there.
 */
export const LIST_BYTES_MAX = 2 * 1024 * 1024;
/** Looking through items in memory for those that retry counts as reading so much of each: 250,000 a page. */
export const LIST_ITEM_BYTES = 8;

/** Texts of blobs that are kept after an expression read them. */
export const BLOB_TEXT_BYTES_MAX = 64 * 1024 * 1024;
/**
 * Loads of blobs at a time, each of at most BLOBS_READ_BYTES_MAX: Node.js reads files on four threads, so that more would
 * hold more and bring nothing sooner.
 */
export const LOADS_MAX = 4;

// What a load brought must still be there when its run goes on.
if (BLOBS_READ_BYTES_MAX > BLOB_TEXT_BYTES_MAX) throw new Error("A load brings more text than is kept.");
/** How often a full disk is tried again. */
export const FULL_RETRY_MS = 500;
/** How often a journal whose last append is unknown is opened again, until it opens. */
export const REOPEN_RETRY_MS = 200;

/** Messages to other runs that their receivers do not have yet: at some 500 bytes each, 10 MiB. */
export const MESSAGES_WAITING_MAX = 20_000;
/** Of one lane, so many messages are under way at once: with inline payloads, 32 MiB. */
export const FLYING_MAX = 512;
/** … and so many of one way: what a receiver cannot take it refuses all over again. */
export const FLIGHT_MESSAGES_MAX = 64;
/** Large payloads copied at a time for the runs that get them, each of at most 4 MiB. */
export const COPIES_MAX = 4;
/** Messages nobody answered are sent again: longer than a link waits for an answer itself. */
export const UNANSWERED_MS = 10_000;
/** After a flight that brought nothing; doubles up to the second. */
export const RESEND_BACKOFF_MS = 25;
export const RESEND_BACKOFF_MS_MAX = 2_000;
/** What was heard of messages is journaled this late, so that one record serves many. Until then it may be sent again. */
export const ACK_DELAY_MS = 50;
/** Ways in one turn, some 12 bytes each. */
export const ACKS_A_TURN_MAX = 1_024;
/** Runs woken at a time when there is room for messages again (I7). */
export const WOKEN_A_TIME_MAX = 256;
/** Watchers of a run whose encoded state is no larger are told of every durable turn: reading it costs 1 ms at most. */
export const WATCH_SMALL_BYTES = 64 * 1024;
/** How fast larger ones are read for their watchers, all of them together: some 5 % of the loop. */
export const WATCH_BYTES_PER_SECOND = 2 * 1024 * 1024;
