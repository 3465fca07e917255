// How long things of the cluster take and are waited for. They hang together: what must hold is checked below.

/** Between a process's heartbeats, and between the coordinator's grants. */
export const BEAT_MS = 100;

/** How long a lease lasts, from when the heartbeat that it answers was sent: three grants may get lost on the way. */
export const LEASE_MS = 400;

/** Added wherever one process waits for what another one measures by a clock of its own. */
export const MARGIN_MS = 50;

/** After this much silence a process is asked whether it is there: nobody listens = it is gone. */
export const MISSED_MS = 250;

/** How long that answer is awaited. A cut network gives none. */
export const PING_MS = 200;

/** After this much silence a process counts as lost, whatever the reason: well above a busy machine's hiccups. */
export const SILENT_MS = 1_000;

/** After this long without a turn of its event loop a process does nothing for its shards. */
export const WEDGED_MS = 10_000;

/** How far a wall clock may be off: records' times must stay close to the truth (DESIGN §2). */
export const CLOCK_OFF_MS_MAX = 5_000;

/** Between renewals of the coordinator's seat. */
export const RENEW_MS = 200;

/** How long a coordinator may act on a renewal, from when it sent it. A successor waits for that. */
export const AUTHORITY_MS = 500;

/**
 * How long the answer to a read or write of the common memory is awaited; then it is as good as lost, though it may still
 * have been heard. A renewal that took longer would be worth nothing.
 */
export const ANSWER_MS = 500;

/** A seat that was not renewed for this long is free: its coordinator hangs without being gone. */
export const SEAT_STALE_MS = 3_000;

/** How long a new owner waits for the previous one to let go; then the fence decides. */
export const RELEASE_MS = 1_000;

/** How long an operator waits for the coordinator: it reads and writes the map, perhaps more than once. */
export const DRAIN_MS = 2_000;

/** How long an operator waits for a snapshot, of which gigabytes may have to be copied. It goes on without anybody. */
export const SNAPSHOT_MS = 60_000;

/** How long a process listens before it joins: it hears every other one at least twice. */
export const LISTEN_MS = 3 * BEAT_MS;

/** How long a process that leaves waits for others to take what it has. */
export const LEAVE_MS_MAX = 10_000;

/** A process that is gone is remembered for this long, so that operators see it. */
export const REMEMBER_MS = 60_000;

if (LEASE_MS < 4 * BEAT_MS) throw new Error("A lease must outlast lost grants.");
if (SILENT_MS < LEASE_MS + MARGIN_MS) throw new Error("A process must not count as lost within its lease.");
// Until then an owner that did not answer has used the last grant that presupposed it was the owner.
if (RELEASE_MS < LEASE_MS + 2 * MARGIN_MS) throw new Error("A new owner must wait longer than a lease lasts.");
if (AUTHORITY_MS < 2 * RENEW_MS) throw new Error("A coordinator's authority must outlast a lost renewal.");
if (ANSWER_MS > AUTHORITY_MS) throw new Error("Nothing is awaited for longer than it is of use.");
if (SEAT_STALE_MS < 2 * AUTHORITY_MS) throw new Error("A seat must not be free within a coordinator's authority.");
