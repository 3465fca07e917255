// The runs of a shard that are in memory: the live ones being worked on, and the overlay of those that ended since the
// last checkpoint. Whoever asks for a run gets it from here, else from the store.
//
// 1. A run is in at most one of: live actors, overlay. Both go before what the store says of it.
// 2. `position` is the last record that touched the run; what is written to the store carries it.
// 3. An actor is dirty from its first event after a checkpoint wrote it until the next one does.
import { decodeRunState, encodeRunState } from "@millrace/codec/run-state-v1.ts";
import type { Plan } from "@millrace/core/plan/plan.ts";
import { nextDueMs } from "@millrace/core/run/due.ts";
import { isSchedulable } from "@millrace/core/run/readiness.ts";
import { tasksOpen } from "@millrace/core/run/resume.ts";
import type { TaskHolder } from "@millrace/link/local-shard.ts";
import type { Position, RunId, TenantId, WorkflowName } from "@millrace/model/ids.ts";
import type { EndStatus, LiveStatus, RunState } from "@millrace/model/run-state.ts";
import type { LiveIndex, ReopenedRow, Store } from "@millrace/store/store.ts";
import { LiveRoom, RUN_BYTES } from "./live-room.ts";
import type { Plans } from "./plans.ts";

/** A live run in memory. */
export interface Actor {
  readonly runId: RunId;
  readonly tenant: TenantId;
  run: RunState;
  readonly plan: Plan;
  position: Position;
  dirty: boolean;
  /** What the store holds of it as live; null = nothing. */
  stored: LiveIndex | null;
  /** Its ended row in the store, to be removed when it is written as live again. */
  reopened: ReopenedRow | null;
  /** Attempts the dispatcher knows (`dispatch/run-tasks.ts`): nearly always one at a time; null = none. */
  tasks: DispatchedTask | Map<number, DispatchedTask> | null;
  /** What it was counted with in {@link LiveRoom}. */
  bytes: number;
  /** When it is looked at next: the earliest of its timers that still counts (timers.ts); 0 = none is known. */
  armedMs: number;
}

/** An attempt that waits for or is with a worker. */
export interface DispatchedTask {
  /** The run as it was in memory when the attempt was decided; it stays there while attempts are open. */
  readonly actor: Actor;
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly epoch: number;
  readonly step: number;
  readonly item: number;
  readonly attempt: number;
  /**
   * `doubtful`: it is owed since an earlier process, which may have given it out.
   * `gone`: nobody waits for it.
   */
  state: "queued" | "doubtful" | "held" | "gone";
  /** Whose workers it was given to, while it is `held`. */
  holder: TaskHolder | null;
}

/** A run that ended since the last checkpoint, encoded. */
export interface EndedRun {
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
  readonly status: EndStatus;
  readonly endedMs: number;
  readonly position: Position;
  readonly bytes: Uint8Array;
  stored: LiveIndex | null;
  reopened: ReopenedRow | null;
}

export class Actors {
  readonly live = new Map<RunId, Actor>();
  readonly overlay = new Map<RunId, EndedRun>();
  overlayBytes = 0;
  readonly room = new LiveRoom();
  readonly #store: Store;
  readonly #plans: Plans;

  constructor(store: Store, plans: Plans) {
    this.#store = store;
    this.#plans = plans;
  }

  /** A run that can be acted on: live, or ended and loaded for a look (then it is not kept). Undefined = unknown. */
  load(runId: RunId): Actor | undefined {
    const live = this.live.get(runId);
    if (live !== undefined) return live;
    const ended = this.overlay.get(runId);
    if (ended !== undefined) return this.#reopen(ended);
    const stored = this.#store.run(runId);
    if (stored === undefined) return undefined;
    const run = decodeRunState(stored.bytes);
    const actor = this.#actor(run, stored.position);
    if (stored.ended) {
      actor.reopened = reopenedRow(run);
      return actor;
    }
    const dueMs = storedDueMs(actor);
    actor.stored = { status: liveStatus(run), dueMs };
    if (dueMs !== OWED_AT_ONCE_MS) actor.armedMs = dueMs;
    this.#enter(actor);
    return actor;
  }

  /** The position the newest form of a run reflects; undefined = unknown. For replay. */
  positionOf(runId: RunId): Position | undefined {
    return this.live.get(runId)?.position ?? this.overlay.get(runId)?.position ?? this.#store.run(runId)?.position;
  }

  /** Takes in a run that was just started. */
  add(run: RunState, plan: Plan, position: Position): Actor {
    const actor = newActor(run, plan, position);
    this.#enter(actor);
    return actor;
  }

  /** Moves a run that has just ended to the overlay. */
  end(actor: Actor, status: EndStatus): void {
    const { run } = actor;
    const bytes = encodeRunState(run);
    // One that was reopened and ended in one go.
    const before = this.overlay.get(actor.runId);
    if (before !== undefined) this.forget(before);
    this.#leave(actor);
    this.overlay.set(actor.runId, {
      runId: actor.runId,
      tenant: actor.tenant,
      workflow: run.workflow,
      status,
      endedMs: run.endedMs,
      position: actor.position,
      bytes,
      stored: actor.stored,
      reopened: actor.reopened,
    });
    this.overlayBytes += bytes.length;
  }

  /** Makes a loaded ended run live again, once an event has reopened it. */
  revive(actor: Actor): void {
    const ended = this.overlay.get(actor.runId);
    if (ended !== undefined) this.forget(ended);
    this.#enter(actor);
  }

  /** Counts a run anew after events changed it. */
  weigh(actor: Actor): void {
    const bytes = RUN_BYTES + actor.run.stateBytes;
    if (bytes === actor.bytes) return;
    if (this.live.get(actor.runId) === actor) this.room.grow(actor.tenant, bytes - actor.bytes);
    actor.bytes = bytes;
  }

  /** Lets a run leave memory if the store holds it as it is and nothing is owed but a timer the store knows. */
  rest(actor: Actor): void {
    if (actor.dirty || actor.stored === null || actor.stored.dueMs === OWED_AT_ONCE_MS) return;
    // Its timer has gone off, and the next one is ordered only when the turn that looked at it is performed.
    if (actor.armedMs === 0 && actor.stored.dueMs > 0) return;
    if (this.live.get(actor.runId) === actor) this.#leave(actor);
  }

  /** As {@link rest}, for a run that somebody will wake for what it is owed. Returns whether it left. */
  restOwed(actor: Actor): boolean {
    if (actor.dirty || actor.stored === null || this.live.get(actor.runId) !== actor) return false;
    this.#leave(actor);
    return true;
  }

  /** Drops an overlay entry: it is in the store, or live again. */
  forget(ended: EndedRun): void {
    if (this.overlay.get(ended.runId) !== ended) return;
    this.overlay.delete(ended.runId);
    this.overlayBytes -= ended.bytes.length;
  }

  #reopen(ended: EndedRun): Actor {
    const actor = this.#actor(decodeRunState(ended.bytes), ended.position);
    // The store does not hold it in this form.
    actor.dirty = true;
    actor.stored = ended.stored;
    actor.reopened = ended.reopened;
    return actor;
  }

  #enter(actor: Actor): void {
    this.live.set(actor.runId, actor);
    this.room.enter(actor.tenant, actor.bytes);
  }

  #leave(actor: Actor): void {
    if (this.live.delete(actor.runId)) this.room.leave(actor.tenant, actor.bytes);
  }

  #actor(run: RunState, position: Position): Actor {
    const pinned = this.#plans.get(run.tenant, run.workflow, run.version);
    if (pinned === undefined)
      throw new Error(`Run ${run.runId} uses ${run.workflow}@${run.version}, which is not pinned.`);
    return newActor(run, pinned.plan, position);
  }
}

/** Stands in the store's timer index for a run that owes tasks or scheduling: taking over, it is woken at once. */
export const OWED_AT_ONCE_MS = 1;

/** When a stored run must be loaded: at once after a take-over if it owes anything, else when it is due; 0 = never. */
export function storedDueMs(actor: Actor): number {
  const { run, plan } = actor;
  return tasksOpen(run) > 0 || isSchedulable(run, plan) ? OWED_AT_ONCE_MS : nextDueMs(run, plan);
}

/** The status of a live run. Throws for an ended one: it has no place among live rows. */
export function liveStatus(run: RunState): LiveStatus {
  if (run.status === "running" || run.status === "paused" || run.status === "cancelling") return run.status;
  throw new Error(`Run ${run.runId} is ${run.status}, not live.`);
}

/** How an ended run is filed in the store, so that it can be removed from there. */
function reopenedRow(run: RunState): ReopenedRow {
  const { runId, tenant, workflow, status, endedMs } = run;
  if (status === "running" || status === "paused" || status === "cancelling")
    throw new Error(`Run ${runId} is ${status} and stored as ended.`);
  return { runId, tenant, workflow, status, endedMs };
}

function newActor(run: RunState, plan: Plan, position: Position): Actor {
  return {
    runId: run.runId,
    tenant: run.tenant,
    run,
    plan,
    position,
    dirty: false,
    stored: null,
    reopened: null,
    tasks: null,
    bytes: RUN_BYTES + run.stateBytes,
    armedMs: 0,
  };
}
