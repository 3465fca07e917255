// A cluster on one thread and virtual time: the real control of each process over memory adapters, and trouble on demand.
import type { MemoryBusHandle } from "@millrace/bus/memory/handle.ts";
import { MemoryBus } from "@millrace/bus/memory/hub.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import { drain, VirtualClock } from "@millrace/clock/virtual.ts";
import { isProcessName, mintProcessId } from "@millrace/core/process-id.ts";
import type { MemoryKvHandle } from "@millrace/kv/memory/handle.ts";
import { MemoryKv } from "@millrace/kv/memory/store.ts";
import type { ClusterMap, ProtocolVersions, Role } from "@millrace/model/cluster.ts";
import type { ProcessId } from "@millrace/model/ids.ts";
import { Cells } from "../cells.ts";
import type { Layout } from "../coordinator.ts";
import { startLocalControl } from "../local-control.ts";
import { parseMap } from "../map-text.ts";
import { MAP_KEY } from "../map-watch.ts";
import type { Membership } from "../membership.ts";
import { parseSeat, SEAT_KEY, type Seat } from "../seat.ts";
import { ProcessClock } from "./process-clock.ts";

export interface ProcessOptions {
  readonly roles?: readonly Role[];
  readonly versions?: ProtocolVersions;
  readonly wallAheadMs?: number;
}

/** Steps of the clock before a test gives up waiting. */
const STEPS_MAX = 200_000;

export class TestProcess {
  readonly process: ProcessId;
  /** The control's. */
  readonly clock: ProcessClock;
  /** The event loop's. */
  readonly mainClock: ProcessClock;
  /** What lies outside of the process. */
  readonly network: Clock;
  isCut = false;
  readonly cells = new Cells();
  readonly membership: Membership;
  /** The control's connections. */
  readonly bus: MemoryBusHandle;
  readonly kv: MemoryKvHandle;
  /** The event loop's own. */
  readonly mainBus: MemoryBusHandle;
  /** Why it had to stop, and what made no sense to it. */
  readonly refused: string[] = [];
  readonly malformed: string[] = [];

  constructor(cluster: TestCluster, process: ProcessId, options: ProcessOptions) {
    this.process = process;
    this.network = cluster.clock;
    this.clock = new ProcessClock(cluster.clock);
    this.mainClock = new ProcessClock(cluster.clock);
    this.clock.wallAheadMs = options.wallAheadMs ?? 0;
    this.mainClock.wallAheadMs = this.clock.wallAheadMs;
    this.bus = cluster.hub.connect(`${process}-control`, this.clock);
    this.mainBus = cluster.hub.connect(process, this.mainClock);
    this.kv = cluster.kv.connect(process, this.clock);
    this.membership = startLocalControl(
      {
        bus: this.bus,
        kv: this.kv,
        clock: this.clock,
        cells: this.cells,
        identity: {
          process,
          roles: options.roles ?? ["node"],
          versions: options.versions ?? { min: 1, max: 1 },
        },
        layout: cluster.layout,
      },
      this.mainClock,
      {
        refused: (reason) => void this.refused.push(reason),
        connection: () => {},
        malformed: (problem) => void this.malformed.push(problem),
      },
    );
  }

  /** Whether its event loop turns. */
  get isRunning(): boolean {
    return this.mainClock.isRunning;
  }

  get isDead(): boolean {
    return this.clock.isDead;
  }

  /** Its connections break, as when their server is killed; they come back by themselves. */
  reset(): void {
    this.bus.reset();
    this.mainBus.reset();
  }

  kill(): void {
    this.clock.kill();
    this.mainClock.kill();
    for (const connection of this.#connections) connection.crash();
  }

  /** The event loop does not turn any more; the control goes on. */
  wedge(): void {
    this.mainClock.freeze();
    this.mainBus.pause();
  }

  freeze(): void {
    this.clock.freeze();
    this.mainClock.freeze();
    for (const connection of this.#connections) connection.pause();
  }

  /** Whatever stood still goes on. */
  thaw(): void {
    this.clock.thaw();
    this.mainClock.thaw();
    for (const connection of this.#connections) connection.resume();
  }

  cut(): void {
    this.isCut = true;
    for (const connection of this.#connections) connection.cut();
  }

  mend(): void {
    this.isCut = false;
    for (const connection of this.#connections) connection.mend();
  }

  get #connections(): readonly (MemoryBusHandle | MemoryKvHandle)[] {
    return [this.bus, this.mainBus, this.kv];
  }
}

export class TestCluster {
  readonly clock: VirtualClock;
  readonly hub: MemoryBus;
  readonly kv: MemoryKv;
  readonly layout: Layout;
  readonly processes: TestProcess[] = [];
  /** Looks at the whole after every step; throws when something is wrong. */
  check: () => void = () => {};

  constructor(seed: number, layout: Layout = { shards: 4, streams: 1 }) {
    this.clock = new VirtualClock(seed);
    this.hub = new MemoryBus(this.clock);
    this.kv = new MemoryKv(this.clock);
    this.hub.latencyMs = 1;
    this.kv.latencyMs = 2;
    this.layout = layout;
  }

  start(name: string, options: ProcessOptions = {}): TestProcess {
    if (!isProcessName(name)) throw new Error(`${name} is no name of a process.`);
    const id = mintProcessId(name, this.clock.random32(), this.clock.random32());
    const process = new TestProcess(this, id, options);
    this.processes.push(process);
    return process;
  }

  get nowMs(): number {
    return this.clock.monotonicMs();
  }

  /** The map as it is stored. */
  get map(): ClusterMap | null {
    const value = this.#stored(MAP_KEY);
    const map = value === null ? null : parseMap(value);
    if (map !== null && "problem" in map) throw new Error(map.problem);
    return map;
  }

  get seat(): Seat | null {
    const value = this.#stored(SEAT_KEY);
    const seat = value === null ? null : parseSeat(value);
    if (seat !== null && "problem" in seat) throw new Error(seat.problem);
    return seat;
  }

  get coordinator(): TestProcess | undefined {
    const { seat } = this;
    return this.processes.find(({ process }) => process === seat?.process);
  }

  /** Lets this much time pass. */
  async advance(deltaMs: number): Promise<void> {
    const untilMs = this.nowMs + deltaMs;
    await drain();
    for (let nextMs = this.clock.nextInMs(); nextMs !== undefined && this.nowMs + nextMs <= untilMs; ) {
      await this.#step();
      nextMs = this.clock.nextInMs();
    }
    await this.clock.advance(untilMs - this.nowMs);
  }

  /** Lets time pass until something holds; how much it took, ms. Throws after `timeoutMs`. */
  async until(what: string, holds: () => boolean, timeoutMs = 60_000): Promise<number> {
    const sinceMs = this.nowMs;
    await drain();
    for (let steps = 0; !holds(); steps++) {
      if (this.nowMs - sinceMs > timeoutMs || steps > STEPS_MAX)
        throw new Error(`Waited ${this.nowMs - sinceMs} virtual ms in vain for: ${what}.`);
      await this.#step();
    }
    return this.nowMs - sinceMs;
  }

  async #step(): Promise<void> {
    this.clock.step();
    await drain();
    this.check();
  }

  #stored(key: string): Uint8Array | null {
    return this.kv.entries().find((entry) => entry.key === key)?.value ?? null;
  }
}
