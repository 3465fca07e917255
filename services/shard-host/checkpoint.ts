// Writes what changed since the last checkpoint to the store, in slices between turns (DESIGN §5).
//
// 1. Only durable state is written: a run whose newest record is not acked yet waits for a later slice. The last few are
//    written with the shard holding still for one record (`hold`), since some may never be at rest otherwise.
// 2. Whatever changed up to `target` is written, in its newest durable form: a live run may have ended meanwhile.
// 3. Every row carries its run's position; `meta` of the last slice says that everything up to `target` is in.
// 4. A pinned definition is written once, by the first checkpoint after it was pinned: there may be 256 MiB of them.
// 5. The journal is truncated only after the store says that all slices are on disk.

import type { Clock } from "@millrace/clock/clock.ts";
import { encodeRunState } from "@millrace/codec/run-state-v1.ts";
import type { Journal } from "@millrace/journal/journal.ts";
import { type Position, position, type RunId } from "@millrace/model/ids.ts";
import type {
  CheckpointMeta,
  EndedRow,
  KeyRow,
  LiveRow,
  ReopenedRow,
  ShardRow,
  Slice,
  SliceOutcome,
  Store,
} from "@millrace/store/store.ts";
import { type Actor, type EndedRun, liveStatus, OWED_AT_ONCE_MS, storedDueMs } from "./actors.ts";
import type { Commit } from "./commit.ts";
import { SLICE_BYTES_MAX, SLICE_ROWS_MAX } from "./limits.ts";
import type { ShardMemory } from "./memory.ts";
import { rowsOf } from "./outbox/way-rows.ts";
import type { Incoming, Outgoing, WrittenSide } from "./outbox/ways.ts";
import { pinnedRow } from "./pinned-row.ts";
import type { RecentPin } from "./plans.ts";

/** How far a shard's memory is durable: its own commits, or the records a standby has folded. */
export type Durable = Pick<Commit, "acked" | "chain" | "term" | "timeMs">;

/** What a checkpoint works with. */
export interface CheckpointScene {
  readonly memory: ShardMemory;
  readonly commit: Durable;
  readonly store: Store;
  readonly journal: Pick<Journal, "truncateBefore">;
  readonly clock: Clock;
  /** Asks the shard to decide nothing new until every record is acked, then calls back; it goes on after the callback. */
  readonly hold: (quiet: () => void) => void;
}

/** One checkpoint under way. `done` hears how it ended; after `written` the journal has been truncated as far as possible. */
export class Checkpoint {
  readonly #scene: CheckpointScene;
  readonly #done: (outcome: SliceOutcome) => void;
  readonly #target: Position;
  readonly #chain: number;
  readonly #timeMs: number;
  /** Runs that changed up to the target and are not written yet, whatever has become of them since. */
  #pending: RunId[];
  readonly #keys: KeyRow[];
  /** Ways that changed up to the target. */
  #ways: (Outgoing | Incoming)[];
  readonly #pins: RecentPin[];
  #stopped = false;
  #writing = false;
  /** Whoever waits for the slice under way, to go on with the memory without this checkpoint. */
  #leaver: (() => void) | null = null;

  constructor(scene: CheckpointScene, done: (outcome: SliceOutcome) => void) {
    const { memory, commit } = scene;
    this.#scene = scene;
    this.#done = done;
    this.#target = commit.acked;
    this.#chain = commit.chain;
    this.#timeMs = commit.timeMs;
    this.#pending = [...memory.actors.overlay.keys()];
    for (const actor of memory.actors.live.values()) if (actor.dirty) this.#pending.push(actor.runId);
    this.#keys = memory.keys.upTo(this.#target);
    this.#ways = memory.ways.changed();
    this.#pins = memory.plans.upTo(this.#target);
  }

  /** Writes the first slice; the others follow by themselves. */
  start(): void {
    if (this.#stopped) return;
    const slice = this.#left > SLICE_ROWS_MAX ? this.#gather() : null;
    // Few are left, or none is at rest: then the shard holds still.
    if (slice === null || slice.empty)
      this.#scene.hold(() => {
        if (!this.#stopped) this.#atRest();
      });
    else this.#write(slice, null, () => this.#next());
  }

  /** How many rows are to be written at least. */
  get #left(): number {
    return this.#pending.length + this.#keys.length + this.#ways.length + this.#pins.length;
  }

  /** Gives up: the shard's memory is being dropped. `done` is not called. */
  stop(): void {
    this.#stopped = true;
  }

  /** Gives up after the slice under way, so that memory knows what the store holds. `done` of the checkpoint is not called. */
  leave(left: () => void): void {
    if (this.#writing) {
      this.#leaver = left;
      return;
    }
    this.#stopped = true;
    left();
  }

  /** Everything is acked: what is left goes with the shard's own state, if it fits into one slice. */
  #atRest(): void {
    const slice = this.#gather();
    if (this.#left > 0) return this.#write(slice, null, () => this.#next());
    const meta: CheckpointMeta = {
      position: this.#target,
      chain: this.#chain,
      term: this.#scene.commit.term,
      timeMs: this.#timeMs,
    };
    this.#write(slice, meta, () => this.#flush());
  }

  #next(): void {
    this.#scene.clock.soon(() => this.start());
  }

  #flush(): void {
    this.#scene.store.flush((outcome) => {
      if (this.#stopped) return;
      if (outcome.type !== "written") return this.#done(outcome);
      this.#scene.journal
        .truncateBefore(position(this.#target + 1))
        .then(() => this.#done(outcome))
        .catch((error: unknown) => this.#done({ type: "failed", reason: String(error) }));
    });
  }

  #write(builder: SliceBuilder, meta: CheckpointMeta | null, then: () => void): void {
    const slice = builder.build(meta);
    this.#writing = true;
    this.#scene.store.write(slice, (outcome) => {
      this.#writing = false;
      if (this.#stopped) return;
      if (outcome.type === "written") this.#written(slice, builder);
      if (this.#leaver !== null) {
        this.#stopped = true;
        return this.#leaver();
      }
      if (outcome.type === "written") then();
      else this.#done(outcome);
    });
  }

  /** A slice is in the store: memory knows what lies there. */
  #written(slice: Slice, { sides }: SliceBuilder): void {
    const { memory } = this.#scene;
    for (const row of slice.ended) endedWritten(memory, row);
    for (const row of slice.live) liveWritten(memory, row);
    memory.keys.forget(slice.keys);
    memory.plans.stored(slice.rows);
    for (const { side, written } of sides) memory.ways.written(side, written);
  }

  /** The next rows that may be written now; runs that are not at rest stay pending. */
  #gather(): SliceBuilder {
    const { commit, memory } = this.#scene;
    const slice = new SliceBuilder();
    const restless: RunId[] = [];
    while (slice.hasRoom && this.#pins.length > 0) slice.addPin(this.#pins.pop());
    while (slice.hasRoom && this.#pending.length > 0) {
      const runId = this.#pending.pop();
      if (runId === undefined) break;
      const actor = memory.actors.live.get(runId);
      const ended = memory.actors.overlay.get(runId);
      if ((actor?.position ?? ended?.position ?? 0) > commit.acked) restless.push(runId);
      else if (actor?.dirty === true) slice.addLive(actor);
      else if (ended !== undefined) slice.addEnded(ended);
    }
    if (restless.length > 0) this.#pending = [...restless, ...this.#pending];
    while (slice.hasRoom && this.#keys.length > 0) slice.addKey(this.#keys.pop());
    this.#gatherWays(slice);
    return slice;
  }

  #gatherWays(slice: SliceBuilder): void {
    const restless: (Outgoing | Incoming)[] = [];
    while (slice.hasRoom) {
      const side = this.#ways.pop();
      if (side === undefined) break;
      if (side.position > this.#scene.commit.acked) restless.push(side);
      else if (side.dirty) slice.addWay(side);
    }
    this.#ways.push(...restless);
  }
}

/** An ended row is in the store: its overlay entry has served, or whatever came of the run since knows what lies there. */
function endedWritten({ actors }: ShardMemory, row: EndedRow): void {
  const ended = actors.overlay.get(row.runId);
  if (ended !== undefined && ended.position === row.position) return actors.forget(ended);
  const successor = ended ?? actors.live.get(row.runId);
  if (successor === undefined) return;
  const { runId, tenant, workflow, status, endedMs } = row;
  successor.stored = null;
  successor.reopened = { runId, tenant, workflow, status, endedMs };
}

function liveWritten(memory: ShardMemory, row: LiveRow): void {
  const { actors, timers, ways } = memory;
  const actor = actors.live.get(row.runId);
  const holder = actor ?? actors.overlay.get(row.runId);
  if (holder === undefined) return;
  holder.stored = row.index;
  holder.reopened = null;
  if (actor === undefined || actor.position !== row.position) return;
  actor.dirty = false;
  // A run that waits for time or people leaves memory; it comes back when something names it.
  const { dueMs } = row.index;
  if (dueMs > OWED_AT_ONCE_MS && actor.armedMs !== dueMs) timers.arm(actor, dueMs);
  actors.rest(actor);
  ways.room.restOne(actors, actor);
}

/** Collects rows up to a slice's bounds. */
class SliceBuilder {
  readonly #live: LiveRow[] = [];
  readonly #reopened: ReopenedRow[] = [];
  readonly #ended: EndedRow[] = [];
  readonly #keys: KeyRow[] = [];
  readonly #own: ShardRow[] = [];
  /** Sides of ways, and what was written of them. */
  readonly sides: { readonly side: Outgoing | Incoming; readonly written: WrittenSide }[] = [];
  #bytes = 0;
  #rows = 0;

  get empty(): boolean {
    return this.#rows === 0;
  }

  get hasRoom(): boolean {
    return this.#bytes < SLICE_BYTES_MAX && this.#rows < SLICE_ROWS_MAX;
  }

  addEnded(ended: EndedRun): void {
    const { runId, tenant, workflow, status, endedMs, position: at, bytes, stored } = ended;
    this.#reopen(ended.reopened);
    this.#ended.push({ runId, tenant, workflow, status, endedMs, previous: stored, position: at, bytes });
    this.#count(bytes.length);
  }

  addLive(actor: Actor): void {
    const { run, runId, tenant, stored, position: at } = actor;
    const bytes = encodeRunState(run);
    this.#reopen(actor.reopened);
    const index = { status: liveStatus(run), dueMs: storedDueMs(actor) };
    this.#live.push({ runId, tenant, workflow: run.workflow, index, previous: stored, position: at, bytes });
    this.#count(bytes.length);
  }

  addPin(pin: RecentPin | undefined): void {
    if (pin === undefined) return;
    const row = pinnedRow(pin);
    this.#own.push(row);
    this.#count(row.bytes?.length ?? 0);
  }

  addKey(key: KeyRow | undefined): void {
    if (key === undefined) return;
    this.#keys.push(key);
    this.#count(key.key.length);
  }

  addWay(side: Outgoing | Incoming): void {
    const rows = rowsOf(side);
    this.#own.push(...rows);
    this.sides.push({ side, written: { position: side.position, open: "waiting" in side && side.waiting.length > 0 } });
    for (const { bytes } of rows) this.#count(bytes?.length ?? 0);
  }

  build(meta: CheckpointMeta | null): Slice {
    return {
      live: this.#live,
      reopened: this.#reopened,
      ended: this.#ended,
      keys: this.#keys,
      rows: this.#own,
      meta,
    };
  }

  #reopen(row: ReopenedRow | null): void {
    if (row !== null) this.#reopened.push(row);
  }

  #count(bytes: number): void {
    this.#rows++;
    this.#bytes += bytes;
  }
}
