// One shard in this process: nothing, a standby of it, or its owner.
//
//            startStandby                     takeOver
//   nothing ─────────────► standby ───────────────────────► owner
//      ▲                      │ drop                          │ release, lost
//      └──────────────────────┴───────────────────────────────┘
//
// 1. One thing at a time: what is asked for waits until what is under way is over, except that a release breaks a take-over
//    off before its claim.
// 2. Store and mirror are open while there is a standby or an owner, and never twice.
// 3. Letting go never fails: what cannot be closed is told to the observer, and the rest is let go of all the same.
import type { CancelTimer } from "@millrace/clock/clock.ts";
import { type JournalGap, JournalTruncated } from "@millrace/journal/journal.ts";
import type { MapShard } from "@millrace/model/cluster.ts";
import { type Position, position, term } from "@millrace/model/ids.ts";
import type { ShardProgress, TakeOver, TakeOverTerms } from "../ownership/host.ts";
import type { Replay } from "../replay.ts";
import { Shard } from "../shard.ts";
import type { OwnershipTerms } from "../shard-options.ts";
import { Replica } from "../standby/replica.ts";
import { JournalGuard } from "./guarded-journal.ts";
import type { HostParts, Served } from "./host-parts.ts";
import { openPlace, type ShardPlace } from "./shard-place.ts";
import { Snapshooter } from "./snapshooter.ts";

/** Before a standby that failed is begun again; doubled each time. */
const RETRY_MS_MIN = 200;
const RETRY_MS_MAX = 10_000;
/** A standby this few records behind its owner takes over within the blink of an eye. */
const CAUGHT_UP_RECORDS = 64;

type State =
  | { readonly type: "nothing" }
  | { readonly type: "standby"; readonly place: ShardPlace; readonly replica: Replica; readonly snapshots: Snapshooter }
  | {
      readonly type: "owner";
      readonly place: ShardPlace;
      readonly shard: Shard;
      readonly served: Served;
      readonly snapshots: Snapshooter;
    };

const NOTHING: State = { type: "nothing" };

export class HostedShard {
  readonly #parts: HostParts;
  #state: State = NOTHING;
  /** What is to be followed; null = nothing. */
  #following: MapShard | null = null;
  /** Take-ups that failed one after the other: each as far as the one before, or less far. */
  #failures = 0;
  #failedAt: Position = position(0);
  #retry: CancelTimer = () => {};
  /** Records before this one are gone from the journal of this generation, as far as is known. */
  #truncated = { generation: 0, before: position(0) };
  /** What is under way or waits for its turn. */
  #turns = 0;
  #last: Promise<unknown> = Promise.resolve();
  /** Breaks off the take-over under way. */
  #breakOff: () => void = () => {};

  constructor(parts: HostParts) {
    this.#parts = parts;
  }

  get isIdle(): boolean {
    return this.#state.type === "nothing" && this.#following === null && this.#turns === 0;
  }

  /** The owner, while it serves. */
  get shard(): Shard | null {
    return this.#state.type === "owner" ? this.#state.shard : null;
  }

  get replica(): Replica | null {
    return this.#state.type === "standby" ? this.#state.replica : null;
  }

  startStandby(shard: MapShard): void {
    this.#follows(shard);
    this.#failures = 0;
    this.#failedAt = position(0);
    void this.#soon(() => this.#follow(shard));
  }

  drop(): Promise<void> {
    this.#follows(null);
    return this.#soon(() => this.#clear());
  }

  takeOver(shard: MapShard, terms: TakeOverTerms): Promise<TakeOver> {
    this.#follows(null);
    let isBroken = false;
    this.#breakOff = () => {
      isBroken = true;
    };
    const mayClaim = (): boolean => !isBroken && terms.mayClaim();
    return this.#soon(async () => {
      if (isBroken) return { type: "released" };
      try {
        await this.#own(shard, { mayClaim, lost: terms.lost });
        return { type: "serving" };
      } catch (error: unknown) {
        await this.#clear();
        if (isBroken) return { type: "released" };
        return { type: "failed", reason: reasonOf(error) };
      }
    });
  }

  release(): Promise<void> {
    this.#breakOff();
    this.#follows(null);
    return this.#soon(() => this.#clear());
  }

  /** Writes a checkpoint and takes a snapshot of it now. Rejects when there is nothing to copy here. */
  async snapshot(): Promise<Position> {
    const state = this.#state;
    if (state.type === "nothing") throw new Error("The shard is not hosted here.");
    await (state.type === "owner" ? state.shard : state.replica).checkpoint();
    // Its store may be closed by now, or another role's.
    if (this.#state !== state) throw new Error("The shard has changed its role here meanwhile.");
    return state.snapshots.now();
  }

  /** Drops what is past retention at `nowMs` from the store there is. */
  async retain(nowMs: number): Promise<void> {
    if (this.#state.type === "nothing") return;
    const { place } = this.#state;
    await place.inTurn(() => place.store.retain(nowMs));
  }

  progress(shard: MapShard["id"]): ShardProgress | undefined {
    const state = this.#state;
    switch (state.type) {
      case "nothing":
        return this.#following === null ? undefined : this.#at(shard, position(0));
      case "standby":
        return this.#at(shard, state.replica.position);
      case "owner":
        return { ...this.#at(shard, state.shard.position), term: state.shard.term, lag: 0, isCaughtUp: true };
    }
  }

  #at(shard: MapShard["id"], at: Position): ShardProgress {
    const owner = this.#parts.ownerPosition(shard);
    const lag = owner === null ? 0 : Math.max(0, owner - at);
    const isCaughtUp = this.#state.type === "standby" && owner !== null && lag <= CAUGHT_UP_RECORDS;
    const failures = isCaughtUp || at > this.#failedAt ? 0 : this.#failures;
    return { shard, term: term(0), position: at, lag, isCaughtUp, failures };
  }

  #soon<Value>(work: () => Promise<Value>): Promise<Value> {
    this.#turns++;
    const turn = this.#last.then(work).finally(() => this.#turns--);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #follows(shard: MapShard | null): void {
    this.#retry();
    this.#following = shard;
  }

  async #follow(shard: MapShard): Promise<void> {
    if (this.#following !== shard) return;
    await this.#clear();
    try {
      const place = await this.#open(shard);
      try {
        this.#state = this.#standby(place);
      } catch (error: unknown) {
        await this.#letGo(shard, () => place.close());
        throw error;
      }
    } catch (error: unknown) {
      this.#again(shard, position(0), reasonOf(error));
    }
  }

  #open(shard: MapShard): Promise<ShardPlace> {
    const { generation, before } = this.#truncated;
    const { places, archive } = this.#parts;
    return openPlace(places, archive, shard, generation === shard.generation ? before : position(0));
  }

  #standby(place: ShardPlace): State {
    const { places, blobs, clock, observer } = this.#parts;
    const { shard, store, mirror } = place;
    const replica: Replica = new Replica({
      store,
      mirror,
      blobs,
      clock,
      follow: places.follow(shard),
      observer: observer.shard(shard.id),
      gap: (gap) => this.#gap(shard, gap, replica.position),
    });
    const taken = (at: Position): void => mirror.forgetBefore(position(at + 1));
    const snapshots = new Snapshooter(this.#parts, { place, bytes: () => replica.bytes, patience: 1, taken });
    return { type: "standby", place, replica, snapshots };
  }

  /** A standby cannot go on: what it holds leads nowhere, and is no reason to call it ready. */
  #gap(shard: MapShard, gap: JournalGap, reached: Position): void {
    if (gap.type === "truncated") this.#truncated = { generation: shard.generation, before: gap.first };
    const stuck = this.#state;
    void this.#soon(async () => {
      if (this.#state === stuck) await this.#clear();
    });
    this.#again(shard, reached, gap.type === "truncated" ? `Records before ${gap.first} are gone.` : gap.reason);
  }

  #again(shard: MapShard, reached: Position, reason: string): void {
    const { clock, observer } = this.#parts;
    if (this.#following !== shard) return;
    observer.standbyFailed(shard.id, reason);
    if (reached > this.#failedAt) this.#failures = 0;
    this.#failedAt = reached;
    const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.#failures);
    this.#failures++;
    this.#retry = clock.after(delayMs, () => void this.#soon(() => this.#follow(shard)));
  }

  async #own(map: MapShard, terms: TakeOverTerms): Promise<void> {
    const before = this.#state;
    const isOurs = before.type === "standby" && before.place.shard.generation === map.generation;
    if (!isOurs) await this.#clear();
    const folded = isOurs ? await this.#endStandby(before) : null;
    const place = isOurs ? before.place : await this.#open(map);
    this.#state = NOTHING;
    const guard = new JournalGuard(place.mirror);
    const shard: Shard = this.#shard(place, guard, {
      mayClaim: terms.mayClaim,
      lost: (reason) => void this.#lose(shard, () => terms.lost(reason)),
    });
    try {
      await shard.open(folded);
      const served = await this.#parts.serve(map, shard);
      const taken = (at: Position): Promise<void> => guard.snapshotTaken(at);
      const snapshots = new Snapshooter(this.#parts, { place, bytes: () => guard.bytes(), patience: 2, taken });
      this.#state = { type: "owner", place, shard, served, snapshots };
    } catch (error: unknown) {
      const reached = folded?.tail ?? place.store.meta();
      await this.#letGo(map, () => shard.release());
      await this.#letGo(map, () => place.close());
      // The record behind what there was is gone, at least.
      if (error instanceof JournalTruncated)
        this.#truncated = { generation: map.generation, before: position((reached?.position ?? 0) + 2) };
      throw error;
    }
  }

  #shard({ shard: map, store }: ShardPlace, guard: JournalGuard, terms: OwnershipTerms): Shard {
    const { places, blobs, clock, observer, process, findDefinition, submit, mayAnswerFromMemory } = this.#parts;
    return new Shard({
      id: map.id,
      node: process,
      openJournal: async () => guard.guard(await places.openJournal(map)),
      store,
      blobs,
      clock,
      findDefinition,
      submit,
      leased: () => mayAnswerFromMemory(map.id),
      terms,
      observer: observer.shard(map.id),
    });
  }

  async #endStandby(standby: Extract<State, { type: "standby" }>): Promise<Replay> {
    standby.snapshots.end();
    return standby.replica.end();
  }

  /** Service ended by itself, unless it was ended meanwhile or the take-over failed: then whoever asked knows. */
  async #lose(shard: Shard, lost: () => void): Promise<void> {
    const isOver = await this.#soon(async () => {
      if (this.shard !== shard) return false;
      await this.#clear();
      return true;
    });
    if (isOver) lost();
  }

  /** Lets go of everything; whoever serves is told first, so that nothing new comes in. */
  async #clear(): Promise<void> {
    const state = this.#state;
    this.#state = NOTHING;
    if (state.type === "nothing") return;
    const { place, snapshots } = state;
    snapshots.end();
    if (state.type === "standby") await this.#letGo(place.shard, () => state.replica.end());
    else {
      // What has come in is finished and answered before nobody listens any more.
      await this.#letGo(place.shard, () => state.shard.release());
      state.served.close();
    }
    await this.#letGo(place.shard, () => place.close());
  }

  async #letGo({ id }: MapShard, step: () => Promise<unknown>): Promise<void> {
    try {
      await step();
    } catch (error: unknown) {
      this.#parts.observer.letGoFailed(id, reasonOf(error));
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
