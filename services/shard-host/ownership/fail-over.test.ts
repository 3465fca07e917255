import { Prng } from "@millrace/clock/prng.ts";
import {
  AUTHORITY_MS,
  BEAT_MS,
  LEASE_MS,
  MARGIN_MS,
  SEAT_STALE_MS,
  SILENT_MS,
  WEDGED_MS,
} from "@millrace/membership/timing.ts";
import { describe, expect, test } from "vitest";
import { NodeCluster, type TestNode } from "./testing/node-cluster.ts";

/** What comes on top of waiting: a heartbeat's interval or two, a write of the map, opening and claiming. */
const SMALL_MS = 250;
const SEEDS = [1, 2, 3, 4, 5] as const;
const NAMES = ["a", "b", "c"] as const;

/** Lets time pass until others serve what the node had; how much it took, ms. */
function untilReplaced(cluster: NodeCluster, node: TestNode): Promise<number> {
  return cluster.cluster.until(
    `${node.name} is replaced`,
    () => cluster.isServed && cluster.ownedBy(node).length === 0,
  );
}

describe("fail-over", () => {
  test.each(SEEDS)("takes a lease and a little when a node is killed (seed %d)", async (seed) => {
    const cluster = await NodeCluster.atRest(NAMES, seed);
    const { follower } = cluster;
    const { leaseUntilMs } = follower.process.cells;
    follower.process.kill();
    await cluster.cluster.until("its shards are given away", () => cluster.ownedBy(follower).length === 0);
    expect(cluster.cluster.nowMs).toBeGreaterThan(leaseUntilMs);
    await untilReplaced(cluster, follower);
    expect(cluster.cluster.nowMs - leaseUntilMs).toBeLessThan(LEASE_MS + SMALL_MS);
  });

  test.each(SEEDS)("waits for what a killed coordinator may have granted, and no longer (seed %d)", async (seed) => {
    const cluster = await NodeCluster.atRest(NAMES, seed);
    const { coordinator } = cluster;
    coordinator.process.kill();
    const tookMs = await untilReplaced(cluster, coordinator);
    expect(tookMs).toBeGreaterThan(LEASE_MS);
    expect(tookMs).toBeLessThan(AUTHORITY_MS + LEASE_MS + 2 * MARGIN_MS + SMALL_MS);
    expect(cluster.coordinator).not.toBe(coordinator);
  });

  test.each(["freeze", "cut"] as const)("takes longer when a node falls silent without dying: %s", async (how) => {
    const cluster = await NodeCluster.atRest(NAMES);
    const { follower } = cluster;
    const shards = cluster.ownedBy(follower);
    if (how === "freeze") follower.process.freeze();
    else follower.process.cut();
    expect(await untilReplaced(cluster, follower)).toBeLessThan(SILENT_MS + SMALL_MS);
    for (const shard of shards) expect(follower.agent.mayAnswerFromMemory(shard)).toBe(false);
    if (how === "freeze") follower.process.thaw();
    else follower.process.mend();
    await cluster.cluster.until("it follows what it had", () => cluster.isSafe);
    for (const shard of shards) expect(follower.agent.hosted.find((of) => of.shard === shard)?.role).not.toBe("owner");
  });

  test("does not happen for a hiccup", async () => {
    const cluster = await NodeCluster.atRest(NAMES);
    const { map } = cluster.cluster;
    for (const node of cluster.nodes) {
      node.process.freeze();
      await cluster.cluster.advance(SILENT_MS - 3 * BEAT_MS);
      node.process.thaw();
      await cluster.cluster.advance(SILENT_MS);
    }
    expect(cluster.cluster.map?.shards).toEqual(map?.shards);
    expect(cluster.isServed).toBe(true);
  });

  test("does not happen when nobody can be reached, and all is as before once everybody can", async () => {
    const cluster = await NodeCluster.atRest(NAMES);
    const { map } = cluster.cluster;
    const logs = cluster.nodes.map(({ host }) => host.log.length);
    for (const { process } of cluster.nodes) process.cut();
    await cluster.cluster.advance(LEASE_MS + BEAT_MS);
    for (const { process } of cluster.nodes) expect(process.membership.isLeaseValid).toBe(false);
    await cluster.cluster.advance(10_000);
    for (const { process } of cluster.nodes) {
      expect(process.membership.isConnected).toBe(false);
      process.mend();
    }
    await cluster.cluster.until("all is served", () => cluster.isServed, AUTHORITY_MS + LEASE_MS + SMALL_MS);
    await cluster.cluster.advance(20_000);
    expect(cluster.cluster.map?.shards).toEqual(map?.shards);
    expect(cluster.nodes.map(({ host }) => host.log.length)).toEqual(logs);
  });

  test("gives every node its own shards back when all are killed and started at once", async () => {
    const cluster = await NodeCluster.atRest(NAMES, 1, { shards: 9, streams: 1 });
    const before = NAMES.map((name) => cluster.ownedBy(cluster.node(name)));
    for (const { process } of cluster.nodes) process.kill();
    for (const name of NAMES) {
      cluster.start(name);
      await cluster.cluster.advance(500);
    }
    await cluster.cluster.until("all is served and followed", () => cluster.isSafe, 5_000);
    expect(NAMES.map((name) => cluster.ownedBy(cluster.node(name)))).toEqual(before);
  });

  test("goes on when coordinators are killed one after the other, down to the last node", async () => {
    const cluster = await NodeCluster.atRest(["a", "b", "c", "d"], 3, { shards: 8, streams: 2 });
    for (let left = 3; left > 0; left--) {
      const { coordinator } = cluster;
      coordinator.process.kill();
      // Its standbys may be gone as well, which is waited for a little.
      await untilReplaced(cluster, coordinator);
      if (left > 1) await cluster.cluster.until("all is followed", () => cluster.isSafe);
    }
    expect(cluster.running).toHaveLength(1);
  });

  test("takes nothing from a wedged node before it is sure, and everything then", async () => {
    const cluster = await NodeCluster.atRest(NAMES);
    const { follower } = cluster;
    follower.process.wedge();
    await cluster.cluster.advance(WEDGED_MS - 2 * BEAT_MS);
    expect(cluster.ownedBy(follower).length).toBeGreaterThan(0);
    expect(await untilReplaced(cluster, follower)).toBeLessThan(LEASE_MS + MARGIN_MS + 2 * BEAT_MS + SMALL_MS);
    follower.process.thaw();
    await cluster.cluster.until("it has its share again", () => cluster.isSafe && cluster.ownedBy(follower).length > 0);
    expect(follower.heard.filter((line) => line.startsWith("took over")).length).toBeGreaterThan(0);
  });
});

describe("a coordinator", () => {
  test("that stood still past its time does nothing more, and its successor nothing twice", async () => {
    const cluster = await NodeCluster.atRest(NAMES);
    const { coordinator } = cluster;
    const epoch = cluster.cluster.seat?.epoch ?? 0;
    coordinator.process.freeze();
    await untilReplaced(cluster, coordinator);
    const version = cluster.cluster.map?.version ?? 0;
    coordinator.process.thaw();
    await cluster.cluster.until("it follows", () => cluster.isSafe);
    expect(cluster.cluster.seat).toMatchObject({ epoch: epoch + 1, process: cluster.coordinator.process.process });
    expect(cluster.coordinator).not.toBe(coordinator);
    expect(cluster.cluster.map?.epoch).toBe(epoch + 1);
    expect((cluster.cluster.map?.version ?? 0) - version).toBeLessThan(6);
  });

  test("that hears nobody, not even itself, takes nobody else for lost", async () => {
    const cluster = await NodeCluster.atRest(NAMES);
    const { coordinator } = cluster;
    const others = cluster.nodes.filter((node) => node !== coordinator);
    const before = others.map((node) => cluster.ownedBy(node));
    coordinator.process.bus.cut();
    await untilReplaced(cluster, coordinator);
    for (const [index, node] of others.entries())
      expect(cluster.ownedBy(node)).toEqual(expect.arrayContaining(before[index] ?? []));
  });

  test("that cannot write any more is replaced, although it is there", async () => {
    const cluster = await NodeCluster.atRest(NAMES);
    const { coordinator } = cluster;
    coordinator.process.kv.cut();
    const tookMs = await cluster.cluster.until("there is another one", () => cluster.coordinator !== coordinator);
    expect(tookMs).toBeGreaterThan(SEAT_STALE_MS - 2 * AUTHORITY_MS);
    expect(tookMs).toBeLessThan(SEAT_STALE_MS + SMALL_MS);
    coordinator.process.kv.mend();
    await cluster.cluster.until("all is served", () => cluster.isServed);
    await cluster.cluster.advance(2_000);
    expect(cluster.coordinator).not.toBe(coordinator);
  });

  test.each(SEEDS)("gets on when nobody knows what becomes of most writes (seed %d)", async (seed) => {
    const cluster = await NodeCluster.atRest(NAMES, seed);
    const { kv } = cluster.cluster;
    const prng = new Prng(seed);
    kv.fault = () => (["lost", "unanswered", null] as const)[prng.below(3)] ?? null;
    const { follower } = cluster;
    follower.process.kill();
    await cluster.cluster.until("its shards are given away", () => cluster.ownedBy(follower).length === 0);
    kv.fault = null;
    await cluster.cluster.until("all is served", () => cluster.isServed);
    expect(cluster.ownedBy(follower)).toEqual([]);
  });
});
