// Makes one shard in this process what the map wants it to be, one step after the other.
//
//            startStandby            ask the previous owner, wait for a lease, takeOver
//   nothing ─────────────► standby ──────────────────────────────────────────────► owner
//      ▲  ▲────── drop ───────┘                                                      │
//      └──────────────────────────────── release, or lost ───────────────────────────┘
//
// 1. What is wanted may change at any time: waiting ends then, and a take-over is broken off.
// 2. Asked to let go, it answers when neither this process holds the shard nor anybody whom it asked itself.
// 3. It takes over with a lease only: a process that stood still learns first what happened meanwhile.
import type { Bus } from "@millrace/bus/bus.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import { printReleaseRequest } from "@millrace/membership/release-request.ts";
import { releaseSubject } from "@millrace/membership/subjects.ts";
import { BEAT_MS, RELEASE_MS } from "@millrace/membership/timing.ts";
import type { HostedShard, MapShard } from "@millrace/model/cluster.ts";
import { type ProcessId, position, type ShardId, term } from "@millrace/model/ids.ts";
import type { ShardHost, ShardProgress } from "./host.ts";

/** Before a take-over that failed is tried again; doubled each time. */
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;
/** Before a previous owner that did not answer is asked again. */
const ASK_AGAIN_MS = 50;
/** Requests to let go that wait for one shard: more are not answered, and whoever asked does what it does without. */
const WAITING_MAX = 16;

/** What the map wants of this process. */
export type Wanted =
  | { readonly role: "none" }
  | { readonly role: "owner" | "standby"; readonly shard: MapShard; readonly mapVersion: number };

/** Hears of ownership, for logs and metrics. */
export interface OwnershipObserver {
  /** A shard serves, this long after it was wanted here. */
  tookOver(shard: ShardId, durationMs: number): void;
  /** It does not; it is tried again. */
  takeOverFailed(shard: ShardId, reason: string): void;
  /** It serves no longer, and not because that was wanted. */
  lost(shard: ShardId, reason: string): void;
}

export interface ShardAgentParts {
  readonly host: ShardHost;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly isLeaseValid: () => boolean;
  /** Why this process must not own anything now; null = it may. */
  readonly unfitness: () => string | null;
  /** Something the others should hear of has changed. */
  readonly changed: () => void;
  readonly observer: OwnershipObserver;
}

/** What this process has of the shard. */
type Held =
  | { readonly type: "nothing" }
  | { readonly type: "standby" | "opening" | "owner" | "closing"; readonly shard: MapShard };

const NOTHING: Held = { type: "nothing" };

export class ShardAgent {
  readonly #id: ShardId;
  readonly #parts: ShardAgentParts;
  #wanted: Wanted = { role: "none" };
  #wantedSinceMs = 0;
  #held: Held = NOTHING;
  #failures = 0;
  #retryAtMs = 0;
  /** Asked to let go, and neither have they said that they did, nor has their time passed. */
  readonly #asked = new Set<ProcessId>();
  readonly #waiting: (() => void)[] = [];
  #breakOff: Promise<void> | null = null;
  /** The time of service there is; null = none. */
  #service: { lostBecause: string } | null = null;
  #isRunning = false;
  /** Ends the pause there is. */
  #wake: () => void = () => {};

  constructor(id: ShardId, parts: ShardAgentParts) {
    this.#id = id;
    this.#parts = parts;
  }

  want(wanted: Wanted): void {
    if (isSameSeat(wanted, this.#wanted)) return;
    this.#wanted = wanted;
    this.#wantedSinceMs = this.#parts.clock.monotonicMs();
    this.#failures = 0;
    this.#retryAtMs = 0;
    const previous = wanted.role === "owner" ? wanted.shard.previous : null;
    if (wanted.role === "owner" && previous !== null) void this.#ask(previous, wanted.mapVersion);
    if (this.#held.type === "opening") this.#breakOff ??= this.#parts.host.release(this.#id);
    this.#wake();
    this.#changed();
    void this.#run();
  }

  /** Whether nothing is wanted and nothing held: it may be forgotten. */
  get isIdle(): boolean {
    return this.#wanted.role === "none" && !this.#isRunning && !this.#mayBeHeld;
  }

  /** Whether this process serves the shard, as far as the journal has not said otherwise, and is to. */
  get isServing(): boolean {
    return this.#held.type === "owner" && this.#isToOwn(this.#held.shard);
  }

  /** Resolves when nobody holds the shard whom this process can speak for; never when too many wait for that. */
  whenFree(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#mayBeHeld) resolve();
      else if (this.#waiting.length < WAITING_MAX) this.#waiting.push(resolve);
    });
  }

  /** What to tell the others; undefined = nothing. */
  status(progress: ShardProgress | undefined): HostedShard | undefined {
    const wanted = this.#wanted;
    const held = this.#held;
    const seat = held.type === "nothing" ? wanted : held;
    if (!("shard" in seat)) return undefined;
    const isOwner = held.type === "opening" || held.type === "owner" || held.type === "closing";
    const isStandby = !isOwner && wanted.role !== "owner";
    return {
      shard: this.#id,
      generation: seat.shard.generation,
      role: isStandby ? "standby" : "owner",
      state: isStandby ? standbyState(progress) : this.#ownerState(),
      failures: isStandby ? (progress?.failures ?? 0) : this.#failures,
      term: progress?.term ?? term(0),
      position: progress?.position ?? position(0),
      lag: progress?.lag ?? 0,
    };
  }

  #ownerState(): HostedShard["state"] {
    if (this.#held.type === "owner") return "ready";
    if (this.#held.type === "closing") return "closing";
    return this.#failures > 0 ? "failed" : "opening";
  }

  get #mayBeHeld(): boolean {
    return this.#asked.size > 0 || (this.#held.type !== "nothing" && this.#held.type !== "standby");
  }

  /** Whether this process is to own it, and was from when it got it on. */
  #isToOwn(shard: MapShard): boolean {
    const wanted = this.#wanted;
    return wanted.role === "owner" && isSameOwnership(wanted.shard, shard);
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (await this.#step());
    this.#isRunning = false;
    this.#changed();
  }

  /** Goes one step towards what is wanted. False = there is none to go. */
  async #step(): Promise<boolean> {
    const wanted = this.#wanted;
    const held = this.#held;
    if (held.type === "owner") {
      if (this.#isToOwn(held.shard)) return false;
      this.#service = null;
      this.#hold({ type: "closing", shard: held.shard });
      await this.#parts.host.release(this.#id);
      this.#hold(NOTHING);
    } else if (wanted.role === "owner" && (held.type === "nothing" || isSameJournal(held.shard, wanted.shard))) {
      await this.#approach(wanted.shard);
    } else if (held.type === "standby") {
      if (wanted.role === "standby" && isSameJournal(held.shard, wanted.shard)) return false;
      await this.#parts.host.drop(this.#id);
      this.#hold(NOTHING);
    } else {
      if (wanted.role !== "standby") return false;
      this.#parts.host.startStandby(wanted.shard);
      this.#hold({ type: "standby", shard: wanted.shard });
    }
    return true;
  }

  /** Takes over, or waits for what is in the way of that. */
  async #approach(shard: MapShard): Promise<void> {
    const { clock, unfitness, isLeaseValid } = this.#parts;
    const retryInMs = this.#retryAtMs - clock.monotonicMs();
    if (retryInMs > 0) return this.#pause(retryInMs);
    const unfit = unfitness();
    if (unfit !== null) return this.#failed(unfit);
    if (this.#asked.size > 0 || !isLeaseValid()) return this.#pause(BEAT_MS);
    await this.#takeOver(shard);
  }

  async #takeOver(shard: MapShard): Promise<void> {
    const { host, clock, isLeaseValid, observer } = this.#parts;
    const service = { lostBecause: "" };
    this.#hold({ type: "opening", shard });
    const outcome = await host.takeOver(shard, {
      mayClaim: () => isLeaseValid() && this.#isToOwn(shard),
      lost: (reason) => {
        service.lostBecause = reason;
        if (this.#service === service) this.#lost(reason);
      },
    });
    await this.#breakOff;
    const isBrokenOff = this.#breakOff !== null;
    this.#breakOff = null;
    if (isBrokenOff || outcome.type !== "serving") {
      this.#hold(NOTHING);
      if (outcome.type === "failed") this.#failed(outcome.reason);
      return;
    }
    observer.tookOver(this.#id, clock.monotonicMs() - this.#wantedSinceMs);
    this.#failures = 0;
    this.#service = service;
    this.#hold({ type: "owner", shard });
    if (service.lostBecause !== "") this.#lost(service.lostBecause);
  }

  #failed(reason: string): void {
    this.#parts.observer.takeOverFailed(this.#id, reason);
    this.#retryLater();
  }

  #lost(reason: string): void {
    this.#parts.observer.lost(this.#id, reason);
    this.#service = null;
    this.#hold(NOTHING);
    this.#retryLater();
    void this.#run();
  }

  #retryLater(): void {
    const delayMs = Math.min(RETRY_MS_MIN * 2 ** this.#failures, RETRY_MS_MAX);
    this.#failures++;
    this.#retryAtMs = this.#parts.clock.monotonicMs() + delayMs;
    this.#changed();
  }

  /** Asks a previous owner to let go, again and again until its time has passed: what it had by a lease is over then. */
  async #ask(previous: ProcessId, mapVersion: number): Promise<void> {
    const { bus, clock } = this.#parts;
    const untilMs = clock.monotonicMs() + RELEASE_MS;
    const request = printReleaseRequest({ shard: this.#id, mapVersion });
    this.#asked.add(previous);
    for (let leftMs = RELEASE_MS; leftMs > 0; leftMs = untilMs - clock.monotonicMs()) {
      const answer = await bus.request(releaseSubject(previous), request, leftMs);
      if (answer.type === "answered") break;
      await new Promise<void>((resolve) => {
        clock.after(Math.min(ASK_AGAIN_MS, untilMs - clock.monotonicMs()), resolve);
      });
    }
    this.#asked.delete(previous);
    this.#wake();
    this.#changed();
  }

  /** Waits, until something is changed at the latest. */
  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #hold(held: Held): void {
    this.#held = held;
    this.#changed();
  }

  #changed(): void {
    if (!this.#mayBeHeld) for (const resolve of this.#waiting.splice(0)) resolve();
    this.#parts.changed();
  }
}

/** The same role for the same journal, and no other owner in between. */
function isSameSeat(left: Wanted, right: Wanted): boolean {
  if (left.role === "none" || right.role === "none") return left.role === right.role;
  if (left.role !== right.role) return false;
  return left.role === "owner" ? isSameOwnership(left.shard, right.shard) : isSameJournal(left.shard, right.shard);
}

function isSameOwnership(left: MapShard, right: MapShard): boolean {
  return isSameJournal(left, right) && left.ownedSince === right.ownedSince;
}

function isSameJournal(left: MapShard, right: MapShard): boolean {
  return left.generation === right.generation;
}

function standbyState(progress: ShardProgress | undefined): HostedShard["state"] {
  if (progress === undefined) return "opening";
  if (progress.isCaughtUp) return "ready";
  return progress.failures > 0 ? "failed" : "opening";
}
