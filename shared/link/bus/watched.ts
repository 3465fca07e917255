// The runs a channel watches: each once at its shard, however many watchers it has here.
//
// 1. A watcher is told a run as it is first, then one state at a time: the next one when it has taken the last.
// 2. The shard is told that a state was taken when the first watcher took it. Whoever was not free when the next one
//    came is behind, and reads the run when it is free again: no state is kept for it.
// 3. A refusal is the last a watcher hears. One that passes is none: the watch is asked for again.
import type { RunId, TenantId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { RunView, Watching } from "../link.ts";
import { PATIENCE_MS } from "./limits.ts";

/** A time that is past at the next look. */
const SOON_MS = 1;

export type Changed = (view: RunView | Refusal) => void;

type Standing =
  /** Told nothing yet: hears the first state that comes. */
  | "new"
  /** Waits for a state it reads by itself. */
  | "reading"
  /** Told a state it has not taken. */
  | "busy"
  /** … and there is a newer one by now. */
  | "behind"
  /** Hears the next state that comes. */
  | "free";

interface Watcher {
  readonly changed: Changed;
  standing: Standing;
}

export interface WatchedRun {
  /** The channel's number for it, and whose it is: both change when its slot gets another shard. */
  ref: number;
  home: WatchedRuns;
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly watchers: Set<Watcher>;
  /** Whether the shard knows that its last state was taken. */
  isTaken: boolean;
  /** Until when somebody may wait for the first state, monotonic ms; 0 = it was told. */
  untilMs: number;
  /** When it is asked for again, monotonic ms; 0 = it is under way. */
  againMs: number;
}

/** What watching needs of its channel. */
export interface WatchedScene {
  /** Asks the shard for the watch; not while nobody owns it. */
  ask(run: { readonly ref: number; readonly tenant: TenantId; readonly runId: RunId }): void;
  taken(ref: number): void;
  end(ref: number): void;
  read(tenant: TenantId, runId: RunId, answer: Changed): void;
}

export class WatchedRuns {
  readonly #scene: WatchedScene;
  readonly #byRef = new Map<number, WatchedRun>();
  readonly #byName = new Map<string, WatchedRun>();

  constructor(scene: WatchedScene) {
    this.#scene = scene;
  }

  get size(): number {
    return this.#byRef.size;
  }

  has(ref: number): boolean {
    return this.#byRef.has(ref);
  }

  /** `ref`: the number of the watch if the run has none yet. */
  watch(ref: number, tenant: TenantId, runId: RunId, watch: { changed: Changed; nowMs: number }): Watching {
    const known = this.#byName.get(nameOf(tenant, runId));
    const watcher: Watcher = { changed: watch.changed, standing: "new" };
    const run = known ?? this.#newRun({ ref, tenant, runId }, watch.nowMs);
    run.watchers.add(watcher);
    if (known === undefined) this.adopt(run, ref);
    else if (known.untilMs === 0) this.#read(run, watcher);
    return {
      taken: () => run.home.#taken(run, watcher),
      end: () => {
        if (run.watchers.delete(watcher) && run.watchers.size === 0) run.home.#end(run);
      },
    };
  }

  /** Takes over a run, with its watchers, that another channel has let go of. */
  adopt(run: WatchedRun, ref: number): void {
    run.ref = ref;
    run.home = this;
    run.againMs = 0;
    this.#byRef.set(ref, run);
    this.#byName.set(nameOf(run.tenant, run.runId), run);
    this.#scene.ask(run);
  }

  /** The shard tells a state, or that there is none to be told. */
  changed(ref: number, answer: RunView | Refusal, nowMs: number): void {
    const run = this.#byRef.get(ref);
    if (run === undefined) return;
    if ("code" in answer) {
      if (answer.code === "SHARD_UNAVAILABLE") run.againMs = nowMs + Math.max(1, answer.retryDelayMs);
      else this.#refuse(run, answer);
      return;
    }
    run.untilMs = 0;
    run.isTaken = false;
    for (const watcher of [...run.watchers]) {
      if (watcher.standing === "busy") watcher.standing = "behind";
      else if (watcher.standing !== "behind" && watcher.standing !== "reading") tell(watcher, answer);
    }
  }

  /** A new owner, or a new session with the old one: asks for everything again. */
  up(): void {
    for (const run of this.#byRef.values()) {
      run.againMs = 0;
      this.#scene.ask(run);
    }
  }

  /** Asks again for what was refused for a while; gives up what had no first state for too long. */
  tick(nowMs: number, unavailable: Refusal): void {
    for (const run of [...this.#byRef.values()]) {
      if (run.untilMs > 0 && run.untilMs <= nowMs) this.#refuse(run, unavailable);
      else if (run.againMs > 0 && run.againMs <= nowMs) {
        run.againMs = 0;
        this.#scene.ask(run);
      }
    }
  }

  /** Nothing will be told any more. */
  close(refusal: Refusal): void {
    for (const run of [...this.#byRef.values()]) this.#refuse(run, refusal);
  }

  /** Takes out all that are not to be watched here any more. */
  evict(isLeaving: (runId: RunId) => boolean): WatchedRun[] {
    const left = [...this.#byRef.values()].filter(({ runId }) => isLeaving(runId));
    for (const run of left) this.#end(run);
    return left;
  }

  #newRun(of: { ref: number; tenant: TenantId; runId: RunId }, nowMs: number): WatchedRun {
    const untilMs = nowMs + PATIENCE_MS;
    return { ...of, home: this, watchers: new Set(), isTaken: true, untilMs, againMs: 0 };
  }

  #taken(run: WatchedRun, watcher: Watcher): void {
    if (watcher.standing === "behind") return this.#read(run, watcher);
    if (watcher.standing !== "busy") return;
    watcher.standing = "free";
    if (run.isTaken || this.#byRef.get(run.ref) !== run) return;
    run.isTaken = true;
    this.#scene.taken(run.ref);
  }

  #read(run: WatchedRun, watcher: Watcher): void {
    const isFirst = watcher.standing === "new";
    watcher.standing = "reading";
    this.#scene.read(run.tenant, run.runId, (answer) => {
      if (!run.watchers.has(watcher)) return;
      if ("code" in answer && answer.code === "SHARD_UNAVAILABLE" && !isFirst) {
        // It hears the state that comes when the watch is asked for again.
        watcher.standing = "free";
        run.againMs = SOON_MS;
        return;
      }
      if ("code" in answer && run.watchers.delete(watcher) && run.watchers.size === 0) run.home.#end(run);
      tell(watcher, answer);
    });
  }

  #refuse(run: WatchedRun, refusal: Refusal): void {
    this.#end(run);
    const watchers = [...run.watchers];
    run.watchers.clear();
    for (const { changed } of watchers) changed(refusal);
  }

  #end(run: WatchedRun): void {
    if (!this.#byRef.delete(run.ref)) return;
    this.#byName.delete(nameOf(run.tenant, run.runId));
    this.#scene.end(run.ref);
  }
}

function tell(watcher: Watcher, answer: RunView | Refusal): void {
  watcher.standing = "busy";
  watcher.changed(answer);
}

function nameOf(tenant: TenantId, runId: RunId): string {
  return `${tenant}/${runId}`;
}
