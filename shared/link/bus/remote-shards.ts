// The shards of a cluster as a gateway sees them: a channel a shard, found by slot through a map that may change.
//
// It owns the channels, which process each one's line leads to (this one, or whichever listens on the bus), and one timer
// for all. It does not own the map, nor decide who owns a shard: it is told.
// 1. A slot's commands go to the channel of the shard that has the slot now; what was open moves there with the slot.
// 2. A shard in this process is called directly. When it comes or goes, nothing is lost and nothing answered twice: what is
//    open is said again to whoever has it next.
import type { Bus, BusMessage, Unsubscribe } from "@millrace/bus/bus.ts";
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import { slotOfRun } from "@millrace/core/run-id.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import type { RunId, ShardId, TenantId } from "@millrace/model/ids.ts";
import { shardId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { TaskToken } from "@millrace/model/task.ts";
import { type Sharer, shareCredits } from "../credits.ts";
import type { Deliver, Envelope, ListPage, ListQuery, Origin, RunView, Shards, TaskSink, Watching } from "../link.ts";
import type { LocalShard } from "../local-shard.ts";
import { BusLine } from "./bus-line.ts";
import { Channel } from "./channel.ts";
import { decodeAnnouncement } from "./codec/frames.ts";
import { TICK_MS } from "./limits.ts";
import { ListMerge } from "./list-merge.ts";
import { LocalLine } from "./local-line.ts";
import { ShardMap, type SlotRange } from "./shard-map.ts";

/** Where owners of shards are heard. */
export interface LinkSubjects {
  /** Where a shard's owner takes frames. */
  shard(id: ShardId): string;
  /** Where owners announce themselves. */
  readonly owner: string;
}

export interface RemoteShardsParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly subjects: LinkSubjects;
  /** This process: a name no other has or had. 1 to 128 characters of `[A-Za-z0-9_-]`. */
  readonly process: string;
  /** Nobody listens where the owner of a shard should. May be called again and again. */
  readonly suspect: (shard: ShardId) => void;
}

/** A shard's channel, its line, and what the sharing of credits owes it. */
interface Way {
  readonly shard: ShardId;
  readonly channel: Channel;
  /** null while the shard is in this process. */
  line: BusLine | null;
  owed: number;
}

export class RemoteShards implements Shards {
  readonly #parts: RemoteShardsParts;
  readonly #ways = new Map<ShardId, Way>();
  /** Shards in this process. */
  readonly #local = new Map<ShardId, LocalShard>();
  readonly #lists = new Set<ListMerge>();
  readonly #room = { length: 0 };
  readonly #unsubscribe: Unsubscribe;
  #map = new ShardMap([]);
  #sink: TaskSink | null = null;
  #minted = 0;
  #lines = 0;
  #sessions = 0;
  #cancelTick: CancelTimer;

  constructor(parts: RemoteShardsParts) {
    this.#parts = parts;
    this.#unsubscribe = parts.bus.subscribe(parts.subjects.owner, (message) => this.#announced(message));
    this.#cancelTick = parts.clock.after(TICK_MS, () => this.#tick());
  }

  /** These are the shards from now on. Throws RangeError for a map that gives a slot to two of them. */
  route(ranges: readonly SlotRange[]): void {
    // The cluster's map changes with every owner: that moves no slot.
    if (this.#map.isMadeOf(ranges)) return;
    this.#map = new ShardMap(ranges);
    const before = [...this.#ways.values()];
    const shards = new Set(ranges.map(({ shard }) => shard));
    for (const { shard } of before) if (!shards.has(shard)) this.#ways.delete(shard);
    for (const shard of shards) if (!this.#ways.has(shard)) this.#open(shard);
    for (const { channel } of before) this.#move(channel);
    for (const list of this.#lists) list.ask(this.#asks());
    for (const { shard, channel } of before) if (!shards.has(shard)) channel.close("The shard is no more.");
  }

  /**
   * The shard is in this process from now on: it is called directly. Best called before others can reach it (ShardServer):
   * a gateway that has begun a session over the bus with its own process would for a while be two holders of tasks.
   */
  host(id: ShardId, shard: LocalShard): void {
    this.#local.set(id, shard);
    const way = this.#ways.get(id);
    if (way !== undefined) this.#connectWay(way);
  }

  /** It is not any more. Best called when the shard has stopped and so has answered all it could. */
  unhost(id: ShardId): void {
    if (!this.#local.delete(id)) return;
    const way = this.#ways.get(id);
    if (way !== undefined) this.#connectWay(way);
  }

  /** Refuses what is open and lets go of the bus. */
  close(): void {
    this.#cancelTick();
    this.#unsubscribe();
    const ways = [...this.#ways.values()];
    // Whoever asks again when it is refused finds no shard any more.
    this.#ways.clear();
    for (const { channel } of ways) channel.close("The gateway stops.");
  }

  submit(origin: Origin, batch: readonly Envelope[]): void {
    for (const envelope of batch) {
      const channel = this.#channelOf(envelope.command.runId);
      if (channel !== undefined) channel.submit(origin, envelope);
      else origin.replied([{ type: "refused", ref: envelope.ref, refusal: nobodys(envelope.command.runId) }]);
    }
  }

  forget(origin: Origin): void {
    for (const { channel } of this.#ways.values()) channel.forget(origin);
  }

  run(tenant: TenantId, runId: RunId, answer: (view: RunView | Refusal) => void): void {
    const channel = this.#channelOf(runId);
    if (channel === undefined) answer(nobodys(runId));
    else channel.run(tenant, runId, answer);
  }

  list(query: ListQuery, answer: (page: ListPage | Refusal) => void): void {
    const list: ListMerge = new ListMerge(query, (page) => {
      this.#lists.delete(list);
      answer(page);
    });
    this.#lists.add(list);
    list.ask(this.#asks());
  }

  watch(tenant: TenantId, runId: RunId, changed: (view: RunView | Refusal) => void): Watching {
    const channel = this.#channelOf(runId);
    if (channel !== undefined) return channel.watch(tenant, runId, changed);
    changed(nobodys(runId));
    return { taken() {}, end() {} };
  }

  pull(taskTypes: readonly string[], credits: number, deliver: Deliver): void {
    const ways = [...this.#ways.values()];
    const sharers: (Sharer & { readonly way: Way })[] = ways.map((way) => ({
      way,
      tenants: way.channel.tasks.tenantsWaiting(taskTypes),
      owed: way.owed,
    }));
    const shares = shareCredits(sharers, credits);
    for (const { way, owed } of sharers) way.owed = owed;
    const shared = shares.reduce((sum, share) => sum + share, 0);
    for (const [index, { way }] of sharers.entries()) {
      const share = shares[index] ?? 0;
      if (share > 0)
        way.channel.tasks.pull(taskTypes, share, (tasks, released) => {
          deliver(tasks, released);
          // Others may have had too little because of it.
          if (released > 0) this.#demandAgain(taskTypes);
        });
    }
    if (shared < credits) deliver([], credits - shared);
  }

  hold(attempts: readonly TaskToken[]): void {
    for (const [channel, theirs] of this.#byChannel(attempts)) channel?.tasks.hold(theirs);
  }

  giveBack(attempts: readonly TaskToken[]): void {
    for (const [channel, theirs] of this.#byChannel(attempts)) channel?.tasks.giveBack(theirs);
  }

  /** Nothing to be said: whoever owns a shard waits for the workers of all gateways (ShardServer). */
  workersAreBack(): void {}

  connect(sink: TaskSink): void {
    this.#sink = sink;
    for (const { channel } of this.#ways.values()) channel.tasks.askHolding();
  }

  #demandAgain(taskTypes: readonly string[]): void {
    for (const taskType of taskTypes) {
      const types = [taskType];
      for (const { channel } of this.#ways.values()) {
        if (channel.tasks.tenantsWaiting(types) === 0) continue;
        this.#sink?.demand(taskType);
        break;
      }
    }
  }

  #open(shard: ShardId): void {
    const { clock, process } = this.#parts;
    const channel = new Channel({
      clock,
      room: this.#room,
      sink: () => this.#sink,
      isHere: (runId) => this.#map.shardOf(slotOfRun(runId)) === shard,
      mint: () => `${process}~${(++this.#minted).toString(36)}`,
    });
    const way: Way = { shard, channel, line: null, owed: 0 };
    this.#ways.set(shard, way);
    this.#connectWay(way);
  }

  /** Leads a channel to where its shard is now. */
  #connectWay(way: Way): void {
    const { shard, channel } = way;
    const local = this.#local.get(shard);
    if (local !== undefined) {
      way.line = null;
      return channel.use(new LocalLine(local, channel));
    }
    const { bus, clock, subjects, process, suspect } = this.#parts;
    way.line = new BusLine({
      bus,
      clock,
      subject: subjects.shard(shard),
      inbox: `${bus.inbox}.shard-${shard}-${++this.#lines}`,
      gateway: process,
      events: channel,
      nextSession: () => ++this.#sessions,
      suspect: () => suspect(shard),
    });
    channel.use(way.line);
  }

  /** Hands what a channel has no slot for any more to the one that has. */
  #move(from: Channel): void {
    const { asked, followed, watched } = from.evict();
    for (const one of asked) {
      if (one.type === "list") continue;
      const to = this.#channelOf(one.runId) ?? from;
      to.adopt({ asked: [one], followed: [], watched: [] });
    }
    for (const one of followed) (this.#channelOf(one.runId) ?? from).adopt({ asked: [], followed: [one], watched: [] });
    for (const one of watched) (this.#channelOf(one.runId) ?? from).adopt({ asked: [], followed: [], watched: [one] });
  }

  #announced(message: BusMessage): void {
    if (message.type !== "message") return;
    const announcement = decodeAnnouncement(message.data);
    if (announcement !== undefined) this.#ways.get(shardId(announcement.shard))?.line?.announced(announcement.term);
  }

  #tick(): void {
    const { clock } = this.#parts;
    this.#cancelTick = clock.after(TICK_MS, () => this.#tick());
    const nowMs = clock.monotonicMs();
    for (const { channel } of this.#ways.values()) channel.tick(nowMs);
  }

  #asks() {
    return [...this.#ways.values()].map(
      ({ channel }) =>
        (query: ListQuery, answer: (page: ListPage | Refusal) => void) =>
          channel.list(query, answer),
    );
  }

  #channelOf(runId: RunId): Channel | undefined {
    const shard = this.#map.shardOf(slotOfRun(runId));
    return shard === undefined ? undefined : this.#ways.get(shard)?.channel;
  }

  #byChannel(attempts: readonly TaskToken[]): Map<Channel | undefined, TaskToken[]> {
    return Map.groupBy(attempts, ({ runId }) => this.#channelOf(runId));
  }
}

function nobodys(runId: RunId): Refusal {
  return refusal("SHARD_UNAVAILABLE", { message: `No shard has the slot of run ${runId}, ${slotOfRun(runId)}.` });
}
