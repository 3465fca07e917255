// What a process's event loop knows of its cluster: the map, the others, its lease. Told by the control, which may run on
// another thread; here nothing waits and nothing decides.
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import type { ClusterMap, HostedShard, Member } from "@millrace/model/cluster.ts";
import type { ProcessId } from "@millrace/model/ids.ts";
import type { Cells } from "./cells.ts";
import type { ControlNews, ControlRequest } from "./control-messages.ts";
import { clusterLevel } from "./level.ts";
import { BEAT_MS } from "./timing.ts";

/** Hears what there is to log or to act on. */
export interface MembershipObserver {
  /** This process cannot be one of the cluster, or no longer: it must stop. */
  refused(reason: string): void;
  connection(isConnected: boolean): void;
  malformed(problem: string): void;
}

export interface MembershipParts {
  readonly clock: Clock;
  readonly cells: Cells;
  readonly process: ProcessId;
  /** Hands a request to the control. */
  readonly post: (request: ControlRequest) => void;
  readonly observer: MembershipObserver;
}

export type Unfollow = () => void;

export class Membership {
  readonly process: ProcessId;
  readonly #parts: MembershipParts;
  readonly #mapFollowers = new Set<(map: ClusterMap) => void>();
  readonly #memberFollowers = new Set<(members: readonly Member[]) => void>();
  readonly #joined = Promise.withResolvers<boolean>();
  readonly #stopped = Promise.withResolvers<void>();
  #map: ClusterMap | null = null;
  #members: readonly Member[] = [];
  #coordinator: ProcessId | null = null;
  #isConnected = false;
  #timer: CancelTimer = () => {};

  constructor(parts: MembershipParts) {
    this.#parts = parts;
    this.process = parts.process;
    this.#pulse();
  }

  /** Resolves once the others know of this process; to false if it cannot be one of them. */
  get joined(): Promise<boolean> {
    return this.#joined.promise;
  }

  /** The newest map; null = none is known yet. */
  get map(): ClusterMap | null {
    return this.#map;
  }

  /** All processes there are or were a minute ago, this one included, by ID. */
  get members(): readonly Member[] {
    return this.#members;
  }

  /** Who coordinates; null = nobody, as far as is known. */
  get coordinator(): ProcessId | null {
    return this.#coordinator;
  }

  /** Whether NATS can be reached. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** The newest version of the protocol that all processes there are speak; undefined = none is known yet. */
  clusterLevel(): number | undefined {
    return clusterLevel(this.#members);
  }

  /**
   * Whether this process may act as the owner of what it serves by {@link actsOn} without asking the journal first. For
   * speed alone: a write needs no lease, and an owner without one makes an empty append before it answers a read.
   */
  get isLeaseValid(): boolean {
    return this.#parts.clock.monotonicMs() < this.#parts.cells.leaseUntilMs;
  }

  /** From now on this process treats nothing as its own that this version of the map gives to others. */
  actsOn(version: number): void {
    this.#parts.cells.mapVersion = version;
  }

  /** Calls `visit` with the map, now if there is one and whenever it changes. */
  followMap(visit: (map: ClusterMap) => void): Unfollow {
    this.#mapFollowers.add(visit);
    if (this.#map !== null) visit(this.#map);
    return () => this.#mapFollowers.delete(visit);
  }

  /** Calls `visit` with the members, now and whenever something about them changes. */
  followMembers(visit: (members: readonly Member[]) => void): Unfollow {
    this.#memberFollowers.add(visit);
    visit(this.#members);
    return () => this.#memberFollowers.delete(visit);
  }

  /** What this process tells the others that it hosts, and how much it has to do. */
  hosting(hosted: readonly HostedShard[], load: number): void {
    this.#parts.post({ type: "hosting", hosted, load });
  }

  /** Tells the others that this process stops soon. */
  leave(): void {
    this.#parts.post({ type: "leave" });
  }

  /** Says good-bye. */
  stop(): Promise<void> {
    this.#parts.post({ type: "stop" });
    return this.#stopped.promise;
  }

  /** What the control says. */
  heard(news: ControlNews): void {
    switch (news.type) {
      case "joined":
        this.#joined.resolve(true);
        break;
      case "refused":
        this.#joined.resolve(false);
        this.#parts.observer.refused(news.reason);
        break;
      case "map":
        this.#map = news.map;
        for (const visit of this.#mapFollowers) visit(news.map);
        break;
      case "members":
        this.#members = news.members;
        this.#coordinator = news.coordinator;
        for (const visit of this.#memberFollowers) visit(news.members);
        break;
      case "connection":
        this.#isConnected = news.isConnected;
        this.#parts.observer.connection(news.isConnected);
        break;
      case "malformed":
        this.#parts.observer.malformed(news.problem);
        break;
      case "stopped":
        this.#timer();
        this.#stopped.resolve();
        break;
    }
  }

  /** Shows the control that the event loop turns. */
  #pulse(): void {
    const { clock, cells } = this.#parts;
    cells.lastTurnMs = clock.monotonicMs();
    this.#timer = clock.after(BEAT_MS, () => this.#pulse());
  }
}
