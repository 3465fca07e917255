// A host that opens, claims and appends in a journal of its cluster, and does nothing else with its shards.
import type { TestProcess } from "@millrace/membership/testing/test-cluster.ts";
import type { MapShard } from "@millrace/model/cluster.ts";
import { position, type ShardId, term } from "@millrace/model/ids.ts";
import type { ShardHost, ShardProgress, TakeOver, TakeOverTerms } from "../host.ts";
import type { FakeJournals } from "./fake-journals.ts";

/** How long things take. */
const OPEN_MS = 20;
const APPEND_MS = 3;
const RELEASE_MS = 10;
/** Before an owner appends again: it notices then that somebody else has claimed its shard. */
const APPEND_EVERY_MS = 250;

interface Hosting {
  readonly role: "owner" | "standby";
  readonly generation: number;
  position: number;
  term: number;
  isReady: boolean;
  terms: TakeOverTerms | null;
  isOver: boolean;
}

export class FakeHost implements ShardHost {
  /** Take-overs of these fail. */
  readonly failing = new Set<ShardId>();
  /** Releases of these never come to an end; of owners alone. */
  readonly hanging = new Set<ShardId>();
  /** Everything done, in order. */
  readonly log: string[] = [];
  readonly #process: TestProcess;
  readonly #journals: FakeJournals;
  readonly #shards = new Map<ShardId, Hosting>();

  constructor(process: TestProcess, journals: FakeJournals) {
    this.#process = process;
    this.#journals = journals;
  }

  startStandby({ id, generation }: MapShard): void {
    this.#note(`follows ${id}`);
    const hosting = this.#begin(id, "standby", generation);
    void this.#pause(OPEN_MS).then(() => {
      hosting.isReady = !hosting.isOver;
    });
  }

  drop(shard: ShardId): Promise<void> {
    this.#note(`drops ${shard}`);
    return this.#end(shard);
  }

  async takeOver({ id, generation }: MapShard, terms: TakeOverTerms): Promise<TakeOver> {
    this.#note(`opens ${id}`);
    const isWarm = this.#shards.get(id)?.isReady === true;
    const hosting = this.#begin(id, "owner", generation);
    await this.#pause(isWarm ? 1 : OPEN_MS);
    if (hosting.isOver) return { type: "released" };
    if (this.failing.has(id)) return this.#fail(id, "the disk is full");
    const { position: tail } = this.#journals.of(id);
    await this.#pause(APPEND_MS);
    if (hosting.isOver) return { type: "released" };
    if (!terms.mayClaim()) return this.#fail(id, "it may not claim");
    const isClaimed = await this.#append(id, tail, true);
    if (hosting.isOver) return { type: "released" };
    if (!isClaimed) return this.#fail(id, "the claim was stale");
    hosting.position = tail + 1;
    hosting.term = this.#journals.of(id).term;
    hosting.isReady = true;
    hosting.terms = terms;
    this.#note(`serves ${id}`);
    void this.#serve(id, hosting);
    return { type: "serving" };
  }

  release(shard: ShardId): Promise<void> {
    this.#note(`releases ${shard}`);
    if (this.hanging.has(shard)) return new Promise(() => {});
    return this.#pause(RELEASE_MS).then(() => this.#end(shard));
  }

  progress(): readonly ShardProgress[] {
    return [...this.#shards].map(([shard, { role, position: at, term: of, isReady }]) => ({
      shard,
      term: term(of),
      position: position(at),
      lag: 0,
      isCaughtUp: role === "standby" && isReady,
      failures: 0,
    }));
  }

  load(): number {
    return this.#shards.size;
  }

  async #serve(shard: ShardId, hosting: Hosting): Promise<void> {
    while (!hosting.isOver) {
      await this.#pause(APPEND_EVERY_MS);
      if (hosting.isOver) return;
      if (await this.#append(shard, hosting.position, false)) hosting.position++;
      else if (!hosting.isOver) {
        this.#note(`loses ${shard}`);
        hosting.isOver = true;
        this.#shards.delete(shard);
        hosting.terms?.lost("an append was stale");
      }
    }
  }

  /** An append whose answer comes when the process can hear it; what is on its way arrives whatever happens to the process. */
  #append(shard: ShardId, expected: number, isClaim: boolean): Promise<boolean> {
    const { mainClock: clock, process } = this.#process;
    const send = (resolve: (isAppended: boolean) => void): void => {
      // The way there is the network's, not the process's.
      this.#process.network.after(APPEND_MS, () => {
        if (this.#process.isCut) return clock.after(APPEND_MS, () => send(resolve));
        const isAppended = this.#journals.append(shard, expected, isClaim ? process : null);
        return clock.soon(() => resolve(isAppended));
      });
    };
    return new Promise(send);
  }

  #begin(shard: ShardId, role: Hosting["role"], generation: number): Hosting {
    const before = this.#shards.get(shard);
    if (before !== undefined) before.isOver = true;
    const hosting: Hosting = { role, generation, position: 0, term: 0, isReady: false, terms: null, isOver: false };
    this.#shards.set(shard, hosting);
    return hosting;
  }

  #end(shard: ShardId): Promise<void> {
    const hosting = this.#shards.get(shard);
    if (hosting !== undefined) hosting.isOver = true;
    this.#shards.delete(shard);
    return Promise.resolve();
  }

  #fail(shard: ShardId, reason: string): TakeOver {
    void this.#end(shard);
    return { type: "failed", reason };
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#process.mainClock.after(delayMs, resolve);
    });
  }

  #note(what: string): void {
    this.log.push(what);
  }
}
