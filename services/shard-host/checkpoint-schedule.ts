// When a shard writes a checkpoint: by bytes of journal, by bytes of ended runs, or by time, whichever comes first.
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import type { SliceOutcome } from "@millrace/store/store.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { Commit } from "./commit.ts";
import {
  CHECKPOINT_AFTER_MS,
  CHECKPOINT_JOURNAL_BYTES,
  CHECKPOINT_RETRY_MS,
  OVERLAY_CHECKPOINT_BYTES,
} from "./limits.ts";
import type { ShardMemory } from "./memory.ts";
import type { ShardObserver } from "./shard-options.ts";

export interface ScheduleScene {
  readonly memory: ShardMemory;
  readonly commit: Pick<Commit, "bytesSinceCheckpoint" | "checkpointed">;
  readonly clock: Clock;
  readonly observer: ShardObserver;
  readonly begin: (done: (outcome: SliceOutcome) => void) => Checkpoint;
}

export class CheckpointSchedule {
  readonly #scene: ScheduleScene;
  #running: Checkpoint | null = null;
  #timer: CancelTimer | null = null;
  #waiting: (() => void)[] = [];
  /** No checkpoint begins before: the last one found no room. */
  #notBeforeMs = 0;
  #full = false;
  #ended = false;

  constructor(scene: ScheduleScene) {
    this.#scene = scene;
  }

  /** Whether the last checkpoint found no room. */
  get full(): boolean {
    return this.#full;
  }

  /** After a durable turn: begins a checkpoint if one is due, or orders one. */
  consider(): void {
    if (this.#running !== null || this.#ended) return;
    const { memory, commit, clock } = this.#scene;
    const due =
      memory.actors.overlayBytes >= OVERLAY_CHECKPOINT_BYTES || commit.bytesSinceCheckpoint >= CHECKPOINT_JOURNAL_BYTES;
    if (due && clock.monotonicMs() >= this.#notBeforeMs) this.#begin();
    else this.#timer ??= clock.after(CHECKPOINT_AFTER_MS, () => this.#begin());
  }

  /** Begins a checkpoint now, or waits for the one under way and then for one more; calls back when it is over. */
  now(done: () => void): void {
    if (this.#ended) return done();
    if (this.#running !== null) {
      this.#waiting.push(() => this.now(done));
      return;
    }
    this.#waiting.push(done);
    this.#begin();
  }

  end(): void {
    this.#ended = true;
    this.#timer?.();
    this.#running?.stop();
    this.#running = null;
    this.#release();
  }

  /** As {@link end}, but finishes the slice under way first: the memory is used on. */
  leave(left: () => void): void {
    const running = this.#running;
    this.#ended = true;
    this.#timer?.();
    this.#running = null;
    this.#release();
    if (running === null) left();
    else running.leave(left);
  }

  #begin(): void {
    this.#timer?.();
    this.#timer = null;
    if (this.#running !== null || this.#ended) return;
    const { clock, commit, observer, begin } = this.#scene;
    const startMs = clock.monotonicMs();
    commit.checkpointed();
    this.#running = begin((outcome) => {
      this.#running = null;
      this.#full = outcome.type === "full";
      const reason = outcome.type === "failed" ? outcome.reason : "";
      observer.checkpointed({ outcome: outcome.type, ms: clock.monotonicMs() - startMs, reason });
      if (outcome.type !== "written") this.#retry();
      // What was written to the journal meanwhile may be the last for long: nothing else would order its checkpoint.
      else if (commit.bytesSinceCheckpoint > 0) this.consider();
      this.#release();
    });
    this.#running.start();
  }

  #retry(): void {
    const { clock } = this.#scene;
    this.#notBeforeMs = clock.monotonicMs() + CHECKPOINT_RETRY_MS;
    this.#timer ??= clock.after(CHECKPOINT_RETRY_MS, () => this.#begin());
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) callback();
  }
}
