// Makes this process host what the map gives it, and says how far it is. It decides nothing itself: who owns what is the
// map's to say, and who really does is the journal's (I2).
import type { Bus, BusMessage, Unsubscribe } from "@millrace/bus/bus.ts";
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import { nameOfProcess } from "@millrace/core/process-id.ts";
import type { Membership, Unfollow } from "@millrace/membership/membership.ts";
import { parseReleaseRequest } from "@millrace/membership/release-request.ts";
import { releaseSubject } from "@millrace/membership/subjects.ts";
import { BEAT_MS, CLOCK_OFF_MS_MAX, LEAVE_MS_MAX, RELEASE_MS } from "@millrace/membership/timing.ts";
import type { ClusterMap, HostedShard, MapShard } from "@millrace/model/cluster.ts";
import type { ShardId } from "@millrace/model/ids.ts";
import type { ShardHost } from "./host.ts";
import { type OwnershipObserver, ShardAgent, type Wanted } from "./shard-agent.ts";

export interface NodeAgentParts {
  readonly membership: Membership;
  readonly host: ShardHost;
  /** The event loop's own connection. */
  readonly bus: Bus;
  readonly clock: Clock;
  readonly observer: OwnershipObserver;
}

const NOTHING = new Uint8Array(0);
const NONE: Wanted = { role: "none" };

export class NodeAgent {
  readonly #parts: NodeAgentParts;
  readonly #agents = new Map<ShardId, ShardAgent>();
  /** The version of the map up to which a shard is somebody else's, whatever an older one says. */
  readonly #yielded = new Map<ShardId, number>();
  readonly #endings: (Unsubscribe | Unfollow)[] = [];
  #phase: "working" | "leaving" | "over" = "working";
  #report: CancelTimer = () => {};
  #isReportOrdered = false;
  #settled: () => void = () => {};

  constructor(parts: NodeAgentParts) {
    this.#parts = parts;
  }

  start(): void {
    const { membership, bus } = this.#parts;
    this.#endings.push(
      bus.subscribe(releaseSubject(membership.process), (message) => this.#letGo(message)),
      membership.followMap((map) => this.#reconcile(map)),
    );
    this.#reportNowAndThen();
  }

  /** Whether a read may be answered from memory, if nothing is in flight: this process is the owner, and surely so. */
  mayAnswerFromMemory(shard: ShardId): boolean {
    return this.#parts.membership.isLeaseValid && this.#agents.get(shard)?.isServing === true;
  }

  /** What this process hosts, or is about to. */
  get hosted(): readonly HostedShard[] {
    const progress = new Map(this.#parts.host.progress().map((of) => [of.shard, of]));
    return [...this.#agents].flatMap(([shard, agent]) => agent.status(progress.get(shard)) ?? []);
  }

  /** Whether an operator has told it to give away what it hosts. */
  get isDraining(): boolean {
    const { map, process } = this.#parts.membership;
    return map?.draining.includes(nameOfProcess(process)) === true;
  }

  /**
   * Gives everything away and ends. Others take over in an orderly way if there are any; nobody waits for that longer than
   * {@link LEAVE_MS_MAX}.
   */
  async leave(): Promise<void> {
    const { membership } = this.#parts;
    this.#phase = "leaving";
    membership.leave();
    this.#reconcileNewest();
    if (this.#hasPeers()) {
      const rid = this.#whenIdle(LEAVE_MS_MAX);
      // Peers may leave as well: then nobody is left to take anything.
      const unfollow = membership.followMembers(() => {
        if (!this.#hasPeers()) this.#settled();
      });
      await rid;
      unfollow();
    }
    this.#phase = "over";
    this.#reconcileNewest();
    // One that hangs is broken off by the end of the process.
    await this.#whenIdle(RELEASE_MS);
    this.#report();
    for (const end of this.#endings) end();
  }

  #hasPeers(): boolean {
    const { members, process } = this.#parts.membership;
    return members.some(
      (member) => member.process !== process && member.roles.includes("node") && member.health === "live",
    );
  }

  #reconcileNewest(): void {
    const { map } = this.#parts.membership;
    if (map !== null) this.#reconcile(map);
  }

  #reconcile(map: ClusterMap): void {
    const shards = new Map(map.shards.map((shard) => [shard.id, shard]));
    for (const [id, shard] of shards) {
      const wanted = this.#wanted(shard, map.version);
      const agent = this.#agents.get(id) ?? (wanted.role === "none" ? undefined : this.#begin(id));
      agent?.want(wanted);
    }
    for (const [id, agent] of this.#agents) if (!shards.has(id)) agent.want(NONE);
    // Nothing is treated as this process's own any more that the map gives to others.
    this.#parts.membership.actsOn(map.version);
  }

  #wanted(shard: MapShard, mapVersion: number): Wanted {
    const { process } = this.#parts.membership;
    if (this.#phase === "over") return NONE;
    if ((this.#yielded.get(shard.id) ?? 0) > mapVersion) return NONE;
    this.#yielded.delete(shard.id);
    if (shard.owner === process) return { role: "owner", shard, mapVersion };
    return shard.standby === process && this.#phase === "working" ? { role: "standby", shard, mapVersion } : NONE;
  }

  #begin(shard: ShardId): ShardAgent {
    const { membership, host, bus, clock, observer } = this.#parts;
    const agent = new ShardAgent(shard, {
      host,
      bus,
      clock,
      observer,
      isLeaseValid: () => membership.isLeaseValid,
      unfitness: () => this.#unfitness(),
      changed: () => this.#changed(),
    });
    this.#agents.set(shard, agent);
    return agent;
  }

  #unfitness(): string | null {
    const { members, process } = this.#parts.membership;
    const aheadMs = members.find((member) => member.process === process)?.clockAheadMs ?? 0;
    if (Math.abs(aheadMs) <= CLOCK_OFF_MS_MAX) return null;
    const off = `${Math.abs(Math.round(aheadMs))} ms ${aheadMs > 0 ? "ahead of" : "behind"}`;
    return `This machine's clock is ${off} the cluster's, more than ${CLOCK_OFF_MS_MAX} ms. Set it, or have it set (NTP).`;
  }

  /** Another process is to own a shard, and asks whether it is free. */
  #letGo(message: BusMessage): void {
    if (message.type !== "message" || message.reply === "") return;
    const request = parseReleaseRequest(message.data);
    // Whoever asks in a way this version does not understand gets no answer, and goes on without.
    if ("problem" in request) return;
    const { shard, mapVersion } = request;
    const { map, process } = this.#parts.membership;
    const answer = (): void => this.#parts.bus.publish(message.reply, NOTHING);
    const agent = this.#agents.get(shard);
    if (agent === undefined) return answer();
    const isNews = map === null || map.version < mapVersion;
    if (isNews) {
      this.#yielded.set(shard, Math.max(mapVersion, this.#yielded.get(shard) ?? 0));
      agent.want(NONE);
    } else if (map.shards.some(({ id, owner }) => id === shard && owner === process)) {
      // Whoever asks acts on an older map than this process.
      return;
    }
    void agent.whenFree().then(answer);
  }

  #changed(): void {
    for (const [shard, agent] of this.#agents) if (agent.isIdle) this.#agents.delete(shard);
    if (this.#agents.size === 0) this.#settled();
    if (this.#isReportOrdered) return;
    this.#isReportOrdered = true;
    this.#parts.clock.soon(() => {
      this.#isReportOrdered = false;
      this.#tell();
    });
  }

  /** Resolves when nothing is hosted, after `timeoutMs` at the latest. */
  #whenIdle(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#agents.size === 0) return resolve();
      const cancel = this.#parts.clock.after(timeoutMs, resolve);
      this.#settled = () => {
        cancel();
        resolve();
      };
    });
  }

  #reportNowAndThen(): void {
    this.#report = this.#parts.clock.after(BEAT_MS, () => {
      this.#tell();
      this.#reportNowAndThen();
    });
  }

  #tell(): void {
    if (this.#phase !== "over") this.#parts.membership.hosting(this.hosted, this.#parts.host.load());
  }
}
