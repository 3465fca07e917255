// A cluster of nodes through trouble, from a seed; then calm, in which all must be well again within bounds.
import type { Delivery } from "@millrace/bus/memory/hub.ts";
import { Prng } from "@millrace/clock/prng.ts";
import { askToDrain } from "@millrace/membership/drain-request.ts";
import type { ProcessName } from "@millrace/model/ids.ts";
import { processName } from "@millrace/model/ids.ts";
import { NodeCluster, type TestNode } from "./node-cluster.ts";

const NAMES: readonly ProcessName[] = ["a", "b", "c", "d"].map(processName);
const TROUBLES = 24;
/** Between two troubles: some are over before the next one, some are not. */
const PAUSE_MS_MAX = 1_200;
/** After this long nobody waits for an answer of the common memory any more. */
const LATE_MS = 3_000;
/** From calm on: a hung coordinator is noticed, orphans have waited, and take-overs that failed are tried again. */
const SERVED_MS_MAX = 20_000;
/** Without a change of the map for longer than anything is awaited, nothing will change any more. */
const QUIET_MS = 17_000;
const QUIET_MS_MAX = 180_000;

export class Chaos {
  readonly cluster: NodeCluster;
  /** What was done to whom, for when it fails. */
  readonly log: string[] = [];
  readonly #prng: Prng;

  constructor(seed: number) {
    const prng = new Prng(seed);
    this.#prng = prng;
    this.cluster = new NodeCluster(prng.next32(), { shards: 1 + prng.below(8), streams: 1 });
    const { hub, kv } = this.cluster.cluster;
    hub.latencyMs = prng.below(5);
    hub.jitterMs = prng.below(20);
    kv.latencyMs = prng.below(10);
    kv.watchDelayMs = prng.below(50);
    for (const name of NAMES.slice(0, 1 + prng.below(NAMES.length))) this.#start(name);
  }

  async trouble(): Promise<void> {
    const { cluster } = this.cluster;
    for (let count = 0; count < TROUBLES; count++) {
      await cluster.advance(this.#prng.below(PAUSE_MS_MAX));
      this.#happen();
    }
  }

  /** All trouble is over; resolves to how long it took until everything was served, in virtual ms. */
  async calm(): Promise<number> {
    const { cluster } = this.cluster;
    this.#note("calm");
    cluster.kv.fault = null;
    cluster.hub.loses = null;
    for (const { process } of this.cluster.nodes) {
      process.mend();
      process.thaw();
      process.clock.wallAheadMs = 0;
    }
    for (const name of NAMES) this.#start(name);
    return cluster.until("everything is served", () => this.cluster.isServed, SERVED_MS_MAX);
  }

  /** Nobody drains any more. Resolves when the map has come to rest; throws if it does not. */
  async rest(): Promise<void> {
    const { cluster } = this.cluster;
    const sinceMs = cluster.nowMs;
    const operator = cluster.hub.connect("operator");
    // Whoever was told to drain just before may still be on its way to the map.
    await cluster.advance(LATE_MS);
    for (const name of NAMES) void askToDrain(operator, { name, isDraining: false });
    await cluster.until("nobody drains", () => cluster.map?.draining.length === 0);
    for (let version = -1; version !== cluster.map?.version; ) {
      version = cluster.map?.version ?? -1;
      await cluster.advance(QUIET_MS);
      if (cluster.nowMs - sinceMs > QUIET_MS_MAX) throw new Error("The map does not come to rest.");
    }
  }

  #happen(): void {
    const node = this.#anyone();
    if (node === undefined) return;
    const { process } = node;
    const ms = this.#prng.below(5_000);
    const troubles = [
      () => this.#kill(node, ms),
      () =>
        this.#during(
          `freeze ${node.name}`,
          ms,
          () => process.freeze(),
          () => process.thaw(),
        ),
      () =>
        this.#during(
          `wedge ${node.name}`,
          ms,
          () => process.wedge(),
          () => process.thaw(),
        ),
      () =>
        this.#during(
          `cut ${node.name}`,
          ms,
          () => process.cut(),
          () => process.mend(),
        ),
      () =>
        this.#during(
          `cut ${node.name}'s control`,
          ms,
          () => process.bus.cut(),
          () => process.bus.mend(),
        ),
      () =>
        this.#during(
          `cut ${node.name} off requests`,
          ms,
          () => process.mainBus.cut(),
          () => process.mainBus.mend(),
        ),
      () =>
        this.#during(
          `cut ${node.name} off the memory`,
          ms,
          () => process.kv.cut(),
          () => process.kv.mend(),
        ),
      () => this.#jumpClock(node, ms),
      () => this.#leave(node, ms),
      () => this.#drain(node),
      () => this.#loseWrites(ms),
      () => this.#loseMessages(ms),
      () => this.#loseMessagesFrom(node, ms),
      () => this.#resetAll(),
    ];
    // The first four are what happens most.
    troubles[this.#prng.below(this.#prng.chance(0.5) ? 4 : troubles.length)]?.();
  }

  #start(name: ProcessName | undefined): void {
    const isThere = this.cluster.nodes.some((node) => node.name === name && !node.process.isDead);
    if (name === undefined || isThere) return;
    this.#note(`start ${name}`);
    this.cluster.start(name);
  }

  #kill(node: TestNode | undefined, ms: number): void {
    if (node === undefined) return;
    this.#note(`kill ${node.name}`);
    node.process.kill();
    this.#after(ms, () => this.#start(processName(node.name)));
  }

  #leave(node: TestNode | undefined, ms: number): void {
    if (node === undefined) return;
    this.#note(`${node.name} leaves`);
    void node.agent.leave().then(async () => {
      await node.process.membership.stop();
      this.#note(`${node.name} is gone`);
      node.process.kill();
      this.#after(ms, () => this.#start(processName(node.name)));
    });
  }

  #drain(node: TestNode | undefined): void {
    const name = NAMES[this.#prng.below(NAMES.length)];
    if (node === undefined || name === undefined) return;
    const isDraining = this.#prng.chance(0.6);
    this.#note(`${isDraining ? "drain" : "undrain"} ${name}`);
    void askToDrain(node.process.mainBus, { name, isDraining });
  }

  #loseWrites(ms: number): void {
    const { kv } = this.cluster.cluster;
    const fault = (): "lost" | "unanswered" | null => {
      if (this.#prng.chance(0.5)) return null;
      return this.#prng.chance(0.5) ? "lost" : "unanswered";
    };
    this.#during(
      "writes get lost",
      ms,
      () => (kv.fault = fault),
      () => (kv.fault = null),
    );
  }

  #loseMessagesFrom(node: TestNode, ms: number): void {
    const { hub } = this.cluster.cluster;
    const to = this.#anyone()?.process.process ?? "";
    const loses = (delivery: Delivery): boolean =>
      delivery.from.startsWith(node.process.process) && delivery.to.startsWith(to);
    this.#during(
      `${to} hears nothing from ${node.name}`,
      ms,
      () => (hub.loses = loses),
      () => (hub.loses = null),
    );
  }

  #jumpClock({ name, process }: TestNode, ms: number): void {
    const jump = (): void => {
      process.clock.wallAheadMs = (this.#prng.chance(0.5) ? 1 : -1) * 20_000;
    };
    this.#during(`the clock of ${name} is off`, ms, jump, () => (process.clock.wallAheadMs = 0));
  }

  #resetAll(): void {
    this.#note("reset all");
    for (const { process } of this.cluster.running) process.reset();
  }

  #loseMessages(ms: number): void {
    const { hub } = this.cluster.cluster;
    const loses = (): boolean => this.#prng.chance(0.4);
    this.#during(
      "messages get lost",
      ms,
      () => (hub.loses = loses),
      () => (hub.loses = null),
    );
  }

  #during(what: string, ms: number, begin: () => void, end: () => void): void {
    this.#note(`${what} for ${ms} ms`);
    begin();
    this.#after(ms, end);
  }

  #anyone(): TestNode | undefined {
    const { running } = this.cluster;
    return running[this.#prng.below(Math.max(1, running.length))];
  }

  #after(delayMs: number, what: () => void): void {
    this.cluster.cluster.clock.after(delayMs, what);
  }

  #note(text: string): void {
    this.log.push(`${Math.round(this.cluster.cluster.nowMs)} ms: ${text}`);
  }
}
