// The bounds and times of the link over the bus, each with its reason (I9).
import { RUN_STATE_BYTES_MAX } from "@millrace/core/run/state-size.ts";

/**
 * How long a command or question may go without an answer. A fail-over takes well below a second and a busy shard has at
 * most two seconds of work waiting, so whoever is not answered by then is better told.
 */
export const PATIENCE_MS = 5_000;

/** Each side of a session says something at least this often. */
export const KEEPALIVE_MS = 1_000;

/** A shard that says nothing for two of those has lost the session or its process. */
export const SHARD_SILENCE_MS_MAX = 2_000;

/**
 * A gateway that says nothing for five is gone: what its workers had will be given to others, so it must not be one that
 * only stood still for a moment. The bus tells of most that are gone long before.
 */
export const GATEWAY_SILENCE_MS_MAX = 5_000;

/** How long workers may take to come back by another gateway, as long as they may take to come back to the same one. */
export const HOLDER_GRACE_MS = 5_000;

/**
 * How long a new owner keeps what an earlier one may have given out for gateways to say what their workers have. All that
 * are there hear of the new owner at once; workers whose gateway went with the old owner may come too late, and what they
 * have is made twice then, and recorded once. Every run the shard had under way waits as long.
 */
export const HOLD_BACK_MS = 500;
/** … the owner's process, when it has just begun and nobody served the shard meanwhile: all workers have to come back. */
export const HOLD_BACK_AT_START_MS = 1_500;

/** How often channels and servers look at their clocks: what is due may be this much late. */
export const TICK_MS = 100;

/** How often a gateway asks whether somebody serves a shard again, at first and at most. */
export const HELLO_MS_MIN = 200;
export const HELLO_MS_MAX = 1_000;

/**
 * How long the credits of a pull may lie at a shard that does not answer. An answer takes no more than a turn of the
 * shard's event loop.
 */
export const PULL_PATIENCE_MS = 1_000;

/** How long what an owner refused as unavailable waits at least before it is handed in again. */
export const RETRY_MS_MIN = 50;

/** A frame is sent when it has about this much in it, without waiting for more. */
export const FRAME_LENGTH = 128 * 1024;

/** The largest frame in parts: the state of a run and its definition, and what else comes with it. */
export const FRAME_BYTES_MAX = 2 * RUN_STATE_BYTES_MAX;
/** Parts sent before the bus has to say that they have left: a quarter of what it holds for a server that is behind. */
export const PARTS_AT_ONCE = 16;

/** Commands and questions a channel keeps until they are answered: what the mailbox of a shard takes, twice over. */
export const ASKED_MAX = 100_000;
/** … and what they hold, by length: one shard that stands still leaves room for others. */
export const ASKED_LENGTH_MAX = 16 * 1024 * 1024;
/** … all channels together: it may all be said again at once, and the bus holds no more than 64 MiB. */
export const ASKED_LENGTH_TOTAL_MAX = 40 * 1024 * 1024;

/** When a caller that finds these full should come back. */
export const CROWDED_RETRY_MS = 250;

/** Runs whose end a channel waits for: as many as one client's stream may. Some 150 bytes each. */
export const FOLLOWED_MAX = 1_048_576;
/** How many of them a new session tells of in one turn of the event loop: some milliseconds, here and at the shard. */
export const FOLLOWS_A_TURN = 4_096;

/** Watches of one channel. Each costs its shard a look at every turn that touches the run. */
export const WATCHED_MAX = 16_384;

/** Gateways one shard talks to: more processes than a cluster has. */
export const GATEWAYS_MAX = 1_024;

/** Attempts a gateway may announce to a shard at the beginning of a session: a hundred workers with all their credits. */
export const HOLDING_MAX = 1_048_576;

/** Bytes of tasks that answer one pull, about; credits left over are released. Bounds what a slow gateway has waiting. */
export const PULLED_LENGTH_MAX = 4 * 1024 * 1024;
/** Tasks taken from the shard between looks at that bound. */
export const PULL_SLICE = 64;
