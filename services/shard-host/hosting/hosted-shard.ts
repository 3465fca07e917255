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
import type { JournalGap } from "@millrace/journal/journal.ts";
import type { MapShard } from "@millrace/model/cluster.ts";
import { type Position, position, term } from "@millrace/model/ids.ts";
import type { ShardProgress, TakeOver, TakeOverTerms } from "../ownership/host.ts";
import { Shard } from "../shard.ts";
import { NotOwned } from "../shard-options.ts";
import { Replica } from "../standby/replica.ts";
import { newestSnapshot } from "../standby/snapshots.ts";
import { GuardedJournal } from "./guarded-journal.ts";
import type { HostParts, Served } from "./host-parts.ts";
import { closePlace, openPlace, type ShardPlace } from "./shard-place.ts";
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
  #failures = 0;
  /** Records before this one are gone from the journal, as far as is known. */
  #truncatedBefore: Position = position(0);
  #last: Promise<unknown> = Promise.resolve();
  /** Breaks off the take-over under way. */
  #breakOff: () => void = () => {};

  constructor(parts: HostParts) {
    this.#parts = parts;
  }

  get isIdle(): boolean {
    return this.#state.type === "nothing" && this.#following === null;
  }

  /** The owner, while it serves. */
  get shard(): Shard | null {
    return this.#state.type === "owner" ? this.#state.shard : null;
  }

  get replica(): Replica | null {
    return this.#state.type === "standby" ? this.#state.replica : null;
  }

  startStandby(shard: MapShard): void {
    this.#following = shard;
    this.#failures = 0;
    void this.#soon(() => this.#follow(shard));
  }

  drop(): Promise<void> {
    this.#following = null;
    return this.#soon(() => this.#clear());
  }

  takeOver(shard: MapShard, terms: TakeOverTerms): Promise<TakeOver> {
    this.#following = null;
    let isBroken = false;
    this.#breakOff = () => {
      isBroken = true;
    };
    const mayClaim = (): boolean => !isBroken && terms.mayClaim();
    return this.#soon(async () => {
      if (isBroken) return { type: "released" };
      try {
        await this.#own(shard, { mayClaim, lost: (reason) => void this.#lose(reason, terms) });
        return { type: "serving" };
      } catch (error: unknown) {
        await this.#clear();
        if (isBroken) return { type: "released" };
        return { type: "failed", reason: error instanceof Error ? error.message : String(error) };
      }
    });
  }

  release(): Promise<void> {
    this.#breakOff();
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
    if (this.#state.type !== "nothing") await this.#state.place.store.retain(nowMs);
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
    return { shard, term: term(0), position: at, lag, isCaughtUp, failures: this.#failures };
  }

  #soon<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #follow(shard: MapShard): Promise<void> {
    if (this.#following !== shard) return;
    try {
      await this.#clear();
      const { places, archive, blobs, clock, observer } = this.#parts;
      const place = await openPlace(places, archive, shard, this.#truncatedBefore);
      const { store, mirror } = place;
      const replica = new Replica({
        store,
        mirror,
        blobs,
        clock,
        follow: places.follow(shard),
        observer: observer.shard(shard.id),
        gap: (gap) => this.#gap(shard, gap),
      });
      const snapshots = new Snapshooter(this.#parts, { place, bytes: () => replica.bytes, patience: 1 });
      this.#state = { type: "standby", place, replica, snapshots };
    } catch (error: unknown) {
      this.#again(shard, error instanceof Error ? error.message : String(error));
    }
  }

  #gap(shard: MapShard, gap: JournalGap): void {
    if (gap.type === "truncated") this.#truncatedBefore = gap.first;
    this.#again(shard, gap.type === "truncated" ? `Records before ${gap.first} are gone.` : gap.reason);
  }

  #again(shard: MapShard, reason: string): void {
    const { clock, observer } = this.#parts;
    if (this.#following !== shard) return;
    observer.standbyFailed(shard.id, reason);
    const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.#failures);
    this.#failures++;
    clock.after(delayMs, () => void this.#soon(() => this.#follow(shard)));
  }

  async #own(map: MapShard, terms: { readonly mayClaim: () => boolean; readonly lost: (reason: string) => void }) {
    const { places, archive, blobs, clock, observer, process, findDefinition, mayAnswerFromMemory, serve } =
      this.#parts;
    const before = this.#state;
    const isOurs = before.type === "standby" && before.place.shard.generation === map.generation;
    if (!isOurs) await this.#clear();
    const folded = isOurs ? await this.#endStandby(before) : null;
    const place = isOurs ? before.place : await openPlace(places, archive, map, this.#truncatedBefore);
    this.#state = NOTHING;
    if (!terms.mayClaim()) {
      await closePlace(place);
      throw new NotOwned("The shard was given to another process meanwhile.");
    }
    const snapshotAt = await this.#snapshotAt(map);
    const guarded: { journal: GuardedJournal | null } = { journal: null };
    const shard = new Shard({
      id: map.id,
      node: process,
      openJournal: async () => {
        guarded.journal = new GuardedJournal(await places.openJournal(map), place.mirror, snapshotAt);
        return guarded.journal;
      },
      store: place.store,
      blobs,
      clock,
      findDefinition,
      leased: () => mayAnswerFromMemory(map.id),
      terms,
      observer: observer.shard(map.id),
    });
    try {
      await shard.open(folded);
      const served = await serve(map, shard);
      const snapshots = new Snapshooter(this.#parts, {
        place,
        bytes: () => guarded.journal?.bytes() ?? 0,
        patience: 2,
        taken: (at) => guarded.journal?.snapshotTaken(at),
      });
      this.#state = { type: "owner", place, shard, served, snapshots };
    } catch (error: unknown) {
      await shard.release();
      await closePlace(place);
      throw error;
    }
  }

  async #endStandby(standby: Extract<State, { type: "standby" }>) {
    standby.snapshots.end();
    return standby.replica.end();
  }

  async #snapshotAt(map: MapShard): Promise<Position> {
    const snapshot = await newestSnapshot(this.#parts.archive, map.id).catch(() => null);
    return snapshot !== null && snapshot.generation === map.generation ? snapshot.position : position(0);
  }

  /** Service ended by itself. */
  async #lose(reason: string, terms: TakeOverTerms): Promise<void> {
    await this.#soon(() => this.#clear());
    terms.lost(reason);
  }

  /** Lets go of everything; whoever serves is told first, so that nothing new comes in. */
  async #clear(): Promise<void> {
    const state = this.#state;
    this.#state = NOTHING;
    if (state.type === "nothing") return;
    state.snapshots.end();
    if (state.type === "standby") await state.replica.end();
    else {
      // What has come in is finished and answered before nobody listens any more.
      await state.shard.release();
      state.served.close();
    }
    await closePlace(state.place);
  }
}
