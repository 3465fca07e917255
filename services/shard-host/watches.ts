// Standing orders for runs' changes. Owns who watches what and when each is told next; reading is the shard's.
//
// 1. A watcher is told one state at a time: the next one when it has taken the last, and it is the newest then.
// 2. A state is read after the last change: whatever a watcher was told before, it is told the last one.
// 3. Large runs are read at a pace, one after the other; small ones, and any run's end, at once.
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import type { RunView, Watching } from "@millrace/link/link.ts";
import type { Position, RunId, TenantId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import { WATCH_BYTES_PER_SECOND, WATCH_SMALL_BYTES } from "./limits.ts";

export type Changed = (view: RunView | Refusal) => void;

/** What watching needs of the shard. */
export interface WatchScene {
  readonly clock: Clock;
  /** Reads a run; the answer comes when what it saw is durable. */
  readonly read: (tenant: TenantId, runId: RunId, answer: Changed) => void;
  /** What memory says of a run; null = the shard does not serve now. */
  readonly known: (runId: RunId) => KnownRun | null;
}

export interface KnownRun {
  readonly isEnded: boolean;
  /** The run's position if that record is durable, and so all of it is in the run's state; null = not, or not in memory. */
  readonly settledAt: Position | null;
}

interface Watcher {
  readonly tenant: TenantId;
  readonly changed: Changed;
  /** Whether it was told something, and has taken that. */
  isFree: boolean;
  /** Whether the run may have changed since. */
  isBehind: boolean;
  /** The record that made the state it was told; null = more of that record may follow, or none was told. */
  toldAt: Position | null;
}

interface WatchedRun {
  readonly runId: RunId;
  readonly watchers: Set<Watcher>;
  /** Its size when it was read last; 0 = it was not. */
  bytes: number;
  isBeingRead: boolean;
}

export class Watches {
  readonly #scene: WatchScene;
  readonly #runs = new Map<RunId, WatchedRun>();
  /** Large runs that changed, in the order in which they will be read. */
  readonly #late = new Set<WatchedRun>();
  /** When the next of them may be read. Monotonic, ms. */
  #nextMs = 0;
  #timer: CancelTimer | null = null;

  constructor(scene: WatchScene) {
    this.#scene = scene;
  }

  has(runId: RunId): boolean {
    return this.#runs.has(runId);
  }

  /** Runs somebody watches. */
  runs(): RunId[] {
    return [...this.#runs.keys()];
  }

  watch(tenant: TenantId, runId: RunId, changed: Changed): Watching {
    const run = this.#runs.get(runId) ?? { runId, watchers: new Set(), bytes: 0, isBeingRead: false };
    this.#runs.set(runId, run);
    const watcher: Watcher = { tenant, changed, isFree: false, isBehind: false, toldAt: null };
    run.watchers.add(watcher);
    const settledAt = this.#scene.known(runId)?.settledAt ?? null;
    this.#scene.read(tenant, runId, (view) => {
      if ("code" in view) this.#refuse(run, watcher, view);
      else this.#tell(run, watcher, view, settledAt);
    });
    return {
      taken: () => {
        watcher.isFree = true;
        this.#look(run);
      },
      end: () => this.#remove(run, watcher),
    };
  }

  /** What a turn did to these runs is durable; or it is known anew what they are. */
  touched(runs: Iterable<RunId>): void {
    for (const runId of runs) {
      const run = this.#runs.get(runId);
      if (run === undefined) continue;
      for (const watcher of run.watchers) watcher.isBehind = true;
      this.#look(run);
    }
  }

  /** Nothing will be told any more. */
  refuseAll(refusal: Refusal): void {
    for (const run of this.#runs.values()) for (const watcher of [...run.watchers]) this.#refuse(run, watcher, refusal);
  }

  /** Tells those who wait for news, now or at the run's turn. */
  #look(run: WatchedRun): void {
    const known = this.#scene.known(run.runId);
    // Reading goes on after a take-over; what is under way looks again by itself.
    if (known === null || run.isBeingRead) return;
    for (const watcher of run.watchers)
      if (known.settledAt !== null && watcher.toldAt === known.settledAt) watcher.isBehind = false;
    if (waiting(run).length === 0) return;
    if (run.bytes <= WATCH_SMALL_BYTES || known.isEnded) return this.#read(run, known.settledAt);
    this.#late.add(run);
    this.#readLate();
  }

  #readLate(): void {
    const { clock, known } = this.#scene;
    for (const run of this.#late) {
      const nowMs = clock.monotonicMs();
      if (nowMs < this.#nextMs) {
        this.#timer ??= clock.after(this.#nextMs - nowMs, () => {
          this.#timer = null;
          this.#readLate();
        });
        return;
      }
      this.#late.delete(run);
      const now = known(run.runId);
      if (now === null || run.isBeingRead || waiting(run).length === 0) continue;
      this.#nextMs = nowMs + (run.bytes / WATCH_BYTES_PER_SECOND) * 1_000;
      this.#read(run, now.settledAt);
    }
  }

  #read(run: WatchedRun, settledAt: Position | null): void {
    const watchers = waiting(run);
    const [first] = watchers;
    if (first === undefined) return;
    for (const watcher of watchers) watcher.isBehind = false;
    run.isBeingRead = true;
    this.#scene.read(first.tenant, run.runId, (view) => {
      run.isBeingRead = false;
      if ("code" in view) {
        // What will be known again is read again after the take-over.
        if (view.retryDelayMs === 0) for (const watcher of watchers) this.#refuse(run, watcher, view);
        return;
      }
      for (const watcher of watchers) this.#tell(run, watcher, view, settledAt);
      this.#look(run);
    });
  }

  #tell(run: WatchedRun, watcher: Watcher, view: RunView, settledAt: Position | null): void {
    run.bytes = view.bytes.length;
    if (!run.watchers.has(watcher)) return;
    watcher.isFree = false;
    watcher.toldAt = settledAt;
    watcher.changed(view);
  }

  #refuse(run: WatchedRun, watcher: Watcher, refusal: Refusal): void {
    if (!run.watchers.has(watcher)) return;
    this.#remove(run, watcher);
    watcher.changed(refusal);
  }

  #remove(run: WatchedRun, watcher: Watcher): void {
    run.watchers.delete(watcher);
    if (run.watchers.size > 0) return;
    if (this.#runs.get(run.runId) === run) this.#runs.delete(run.runId);
    this.#late.delete(run);
    if (this.#late.size > 0 || this.#timer === null) return;
    this.#timer();
    this.#timer = null;
  }
}

/** Those who would take a state now, and have not had the newest. */
function waiting({ watchers }: WatchedRun): Watcher[] {
  return [...watchers].filter(({ isFree, isBehind }) => isFree && isBehind);
}
