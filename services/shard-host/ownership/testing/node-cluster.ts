// A cluster of nodes that own shards: the real control and agent of each, over fake hosts and their common journals.
// After every step it is checked that whoever may answer from memory is the newest claimant of the shard.
import type { Layout } from "@millrace/membership/coordinator.ts";
import { type ProcessOptions, TestCluster, type TestProcess } from "@millrace/membership/testing/test-cluster.ts";
import type { ClusterMap } from "@millrace/model/cluster.ts";
import type { ShardId } from "@millrace/model/ids.ts";
import { NodeAgent } from "../node-agent.ts";
import { FakeHost } from "./fake-host.ts";
import { FakeJournals } from "./fake-journals.ts";

const OUT_OF_STEP_MS = 30;

export interface TestNode {
  readonly name: string;
  readonly process: TestProcess;
  readonly host: FakeHost;
  readonly agent: NodeAgent;
  /** What the agent's observer heard. */
  readonly heard: string[];
}

export class NodeCluster {
  readonly cluster: TestCluster;
  readonly journals = new FakeJournals();
  readonly nodes: TestNode[] = [];
  /** Shards that were given from one process to another. */
  moves = 0;
  #seen: ClusterMap | null = null;

  constructor(seed: number, layout?: Layout) {
    this.cluster = new TestCluster(seed, layout);
    this.cluster.check = () => this.#check();
  }

  start(name: string, options: ProcessOptions = {}): TestNode {
    const process = this.cluster.start(name, options);
    const host = new FakeHost(process, this.journals);
    const heard: string[] = [];
    const agent = new NodeAgent({
      membership: process.membership,
      host,
      bus: process.mainBus,
      clock: process.mainClock,
      observer: {
        tookOver: (shard) => void heard.push(`took over ${shard}`),
        takeOverFailed: (shard, reason) => void heard.push(`failed ${shard}: ${reason}`),
        lost: (shard, reason) => void heard.push(`lost ${shard}: ${reason}`),
      },
    });
    agent.start();
    const node = { name, process, host, agent, heard };
    this.nodes.push(node);
    return node;
  }

  get running(): readonly TestNode[] {
    return this.nodes.filter(({ process }) => process.isRunning);
  }

  get shards(): readonly ShardId[] {
    return this.cluster.map?.shards.map(({ id }) => id) ?? [];
  }

  /** Who serves the shard by the map and says so itself; undefined = nobody. */
  serverOf(shard: ShardId): TestNode | undefined {
    const owner = this.cluster.map?.shards.find(({ id }) => id === shard)?.owner;
    const node = this.running.find(({ process }) => process.process === owner);
    return node !== undefined && node.agent.mayAnswerFromMemory(shard) ? node : undefined;
  }

  /** Whether all shards there are to be are served, by running processes with valid leases. */
  get isServed(): boolean {
    const { map, layout } = this.cluster;
    return map?.shards.length === layout.shards && map.shards.every(({ id }) => this.serverOf(id) !== undefined);
  }

  /** Whether every shard has a standby that is ready, too. */
  get isSafe(): boolean {
    const { map } = this.cluster;
    if (map === null || !this.isServed) return false;
    return map.shards.every(({ id, standby }) => {
      const node = this.running.find(({ process }) => process.process === standby);
      const hosted = node?.agent.hosted.find(({ shard }) => shard === id);
      return hosted?.role === "standby" && hosted.state === "ready";
    });
  }

  /** A cluster in which every shard is served, followed, and where it stays. */
  static async atRest(names: readonly string[], seed = 1, layout?: Layout): Promise<NodeCluster> {
    const cluster = new NodeCluster(seed, layout);
    for (const name of names) {
      cluster.start(name);
      // Hearts do not beat in step.
      await cluster.cluster.advance(OUT_OF_STEP_MS);
    }
    if (names.length > 1) await cluster.cluster.until("all is served and followed", () => cluster.isSafe);
    else await cluster.cluster.until("all is served", () => cluster.isServed);
    return cluster;
  }

  /** The running node of this name. */
  node(name: string): TestNode {
    const node = this.nodes.findLast((candidate) => candidate.name === name && !candidate.process.isDead);
    if (node === undefined) throw new Error(`There is no node ${name}.`);
    return node;
  }

  /** The node that coordinates. */
  get coordinator(): TestNode {
    const node = this.nodes.find(({ process }) => process === this.cluster.coordinator);
    if (node === undefined) throw new Error("Nobody coordinates.");
    return node;
  }

  /** One that does not. */
  get follower(): TestNode {
    const node = this.running.find(({ process }) => process !== this.cluster.coordinator);
    if (node === undefined) throw new Error("There is no other node than the coordinator.");
    return node;
  }

  ownedBy(node: TestNode): ShardId[] {
    const shards = this.cluster.map?.shards ?? [];
    return shards.filter(({ owner }) => owner === node.process.process).map(({ id }) => id);
  }

  #check(): void {
    const { map } = this.cluster;
    if (map !== null && map.version !== this.#seen?.version) {
      for (const [index, { owner }] of (this.#seen?.shards ?? []).entries())
        if (owner !== null && owner !== map.shards[index]?.owner) this.moves++;
      this.#seen = map;
    }
    for (const shard of this.shards) {
      const { claimant } = this.journals.of(shard);
      for (const { process, agent } of this.running)
        if (agent.mayAnswerFromMemory(shard) && claimant !== process.process)
          throw new Error(
            `At ${this.cluster.nowMs} ms ${process.process} may answer for shard ${shard}, claimed by ${claimant ?? "nobody"}.`,
          );
    }
  }
}
