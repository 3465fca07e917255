import { initialMap } from "@millrace/core/placement/initial-map.ts";
import { processName } from "@millrace/model/ids.ts";
import { describe, expect, test } from "vitest";
import { askToDrain } from "./drain-request.ts";
import { printMap } from "./map-text.ts";
import { MAP_KEY } from "./map-watch.ts";
import type { Membership } from "./membership.ts";
import { TestCluster, type TestProcess } from "./testing/test-cluster.ts";
import { AUTHORITY_MS, BEAT_MS, LEASE_MS, LISTEN_MS, SILENT_MS } from "./timing.ts";

/** Whether it joined, once that is known. */
function outcomeOf({ joined }: Membership): { isJoined: boolean | undefined } {
  const outcome: { isJoined: boolean | undefined } = { isJoined: undefined };
  void joined.then((isJoined) => (outcome.isJoined = isJoined));
  return outcome;
}

/** Acts on every map at once, as a process without shards may. */
function follow({ membership }: TestProcess): void {
  membership.followMap(({ version }) => membership.actsOn(version));
}

function names(membership: Membership): string[] {
  return membership.members.filter(({ health }) => health === "live").map(({ name }) => name);
}

describe("a process", () => {
  test("listens for a moment, joins, and is known to all, whatever its roles", async () => {
    const cluster = new TestCluster(1);
    const node = cluster.start("node");
    const outcome = outcomeOf(node.membership);
    expect(await cluster.until("it has joined", () => outcome.isJoined === true)).toBeLessThan(LISTEN_MS + BEAT_MS);
    const gateway = cluster.start("gateway", { roles: ["gateway", "connectors"] });
    await cluster.until("they know each other", () => {
      return [node, gateway].every(({ membership }) => names(membership).length === 2);
    });
    expect(node.membership.members.map(({ roles }) => roles)).toEqual([["gateway", "connectors"], ["node"]]);
    await cluster.until("there is a map", () => (gateway.membership.map?.version ?? 0) > 1);
    expect(gateway.membership.map?.shards.map(({ owner }) => owner)).toEqual(Array(4).fill(node.process));
    expect(gateway.membership.coordinator).toBe(node.process);
  });

  test("has a lease as soon as it acts on the map", async () => {
    const cluster = new TestCluster(1);
    const node = cluster.start("node");
    await cluster.until("there is a map", () => node.membership.map !== null);
    await cluster.advance(1_000);
    expect(node.membership.isLeaseValid).toBe(false);
    follow(node);
    expect(await cluster.until("it has a lease", () => node.membership.isLeaseValid)).toBeLessThan(2 * BEAT_MS);
    await cluster.advance(10_000);
    expect(node.membership.isLeaseValid).toBe(true);
  });

  test("that hosts no shards neither coordinates nor has a lease", async () => {
    const cluster = new TestCluster(1);
    const gateway = cluster.start("gateway", { roles: ["gateway"] });
    follow(gateway);
    await cluster.advance(5_000);
    expect([cluster.seat, cluster.map, gateway.membership.isLeaseValid]).toEqual([null, null, false]);
  });

  test("says good-bye, and is gone to the others at once", async () => {
    const cluster = new TestCluster(1);
    const [node, other] = [cluster.start("node"), cluster.start("other")];
    await cluster.until("they know each other", () => names(node.membership).length === 2);
    let isStopped = false;
    void other.membership.stop().then(() => (isStopped = true));
    await cluster.until("it has stopped", () => isStopped);
    const tookMs = await cluster.until("it is gone", () => {
      return node.membership.members.some(({ name, health }) => name === "other" && health === "gone");
    });
    expect(tookMs).toBeLessThan(2 * BEAT_MS);
  });

  test("waits for NATS for as long as it takes", async () => {
    const cluster = new TestCluster(1);
    cluster.hub.noticeMs = 100;
    const node = cluster.start("node");
    node.cut();
    await cluster.advance(20_000);
    expect([node.membership.members, node.membership.isConnected]).toEqual([[], false]);
    node.mend();
    const outcome = outcomeOf(node.membership);
    await cluster.until("it has joined", () => outcome.isJoined === true);
    await cluster.until("there is a map", () => node.membership.map !== null);
    expect(node.membership.isConnected).toBe(true);
  });

  test("is told of what makes no sense, and goes on with the last map", async () => {
    const cluster = new TestCluster(1);
    const node = cluster.start("node");
    await cluster.until("there is a map", () => node.membership.map?.shards[0]?.owner === node.process);
    const { map } = node.membership;
    const operator = cluster.kv.connect("operator");
    const entry = cluster.kv.entries().find(({ key }) => key === MAP_KEY);
    void operator.put(MAP_KEY, new TextEncoder().encode("{}"), entry?.revision ?? 0);
    await cluster.until("it is told", () => node.malformed.length > 0);
    expect(node.malformed[0]).toContain("version is missing");
    await cluster.advance(1_000);
    expect(node.membership.map).toEqual(map);
  });

  test("goes on with the last map when it is deleted, and writes it again when it changes", async () => {
    const cluster = new TestCluster(1);
    const node = cluster.start("node");
    await cluster.until("there is a map", () => node.membership.map?.shards[0]?.owner === node.process);
    const operator = cluster.kv.connect("operator");
    const entry = cluster.kv.entries().find(({ key }) => key === MAP_KEY);
    void operator.delete(MAP_KEY, entry?.revision ?? 0);
    await cluster.until("it is told", () => node.malformed.length > 0);
    const other = cluster.start("other");
    await cluster.until("there is a map again", () => cluster.map?.shards[0]?.standby === other.process);
    expect(cluster.map?.version).toBe(3);
  });

  test("takes a map that is there already, however many shards it would make itself", async () => {
    const cluster = new TestCluster(1, { shards: 7, streams: 1 });
    void cluster.kv.connect("operator").put(MAP_KEY, printMap(initialMap(3, 2)), 0);
    const node = cluster.start("node");
    await cluster.until("it owns all", () => cluster.map?.shards.every(({ owner }) => owner === node.process) === true);
    expect(cluster.map?.shards).toHaveLength(3);
  });
});

describe("a rolling upgrade", () => {
  const OLD = { versions: { min: 1, max: 2 } };
  const NEW = { versions: { min: 2, max: 3 } };

  test("raises the level when the last old process is gone", async () => {
    const cluster = new TestCluster(1);
    const [a, b] = [cluster.start("a", OLD), cluster.start("b", OLD)];
    await cluster.until("they know each other", () => names(a.membership).length === 2);
    const c = cluster.start("c", NEW);
    await cluster.until("all know it", () => names(a.membership).length === 3 && names(c.membership).length === 3);
    expect([a, b, c].map(({ membership }) => membership.clusterLevel())).toEqual([2, 2, 2]);
    a.kill();
    b.kill();
    const tookMs = await cluster.until("the level rises", () => c.membership.clusterLevel() === 3);
    expect(tookMs).toBeLessThan(SILENT_MS);
  });

  test.each([
    ["too old", NEW, OLD, "version 3 of its protocol, this process versions 1 to 2. Start a release that speaks it"],
    [
      "too new",
      { versions: { min: 1, max: 1 } },
      { versions: { min: 2, max: 2 } },
      "this process version 2. Upgrade all",
    ],
  ])("refuses a process that is %s, and says so", async (_how, those, that, says) => {
    const cluster = new TestCluster(1);
    const a = cluster.start("a", those);
    await cluster.until("it is there", () => names(a.membership).length === 1);
    await cluster.advance(1_000);
    const late = cluster.start("late", that);
    const outcome = outcomeOf(late.membership);
    await cluster.until("it is refused", () => outcome.isJoined === false);
    expect(late.refused).toEqual([expect.stringContaining(says)]);
    await cluster.advance(1_000);
    expect(names(a.membership)).toEqual(["a"]);
  });

  test("does not end in two clusters when incompatible processes start at once", async () => {
    const cluster = new TestCluster(1);
    const old = cluster.start("old", { versions: { min: 1, max: 1 } });
    const young = cluster.start("young", { versions: { min: 2, max: 2 } });
    await cluster.until("one is refused", () => young.refused.length + old.refused.length > 0);
    await cluster.advance(2_000);
    const [refused, left] = young.refused.length > 0 ? [young, old] : [old, young];
    expect([refused.refused.length, left.refused.length]).toEqual([1, 0]);
    expect(names(left.membership)).toHaveLength(1);
  });

  test("is not ended by an old process that heard nobody when it joined", async () => {
    const cluster = new TestCluster(1);
    const [a, b] = [cluster.start("a", NEW), cluster.start("b", NEW)];
    await cluster.until("they know each other", () => names(a.membership).length === 2);
    cluster.hub.loses = ({ to }) => to.startsWith("deaf");
    const deaf = cluster.start("deaf", { versions: { min: 1, max: 1 } });
    await cluster.until("it joins", () => names(a.membership).length === 3);
    cluster.hub.loses = null;
    await cluster.until("it is refused", () => deaf.refused.length > 0);
    await cluster.advance(1_000);
    expect([a.refused, b.refused]).toEqual([[], []]);
    expect(a.membership.clusterLevel()).toBe(3);
  });
});

describe("an operator who drains a process", () => {
  test("is answered by the coordinator alone, once the map says so", async () => {
    const cluster = new TestCluster(1);
    cluster.start("a");
    cluster.start("b");
    const gateway = cluster.start("gateway", { roles: ["gateway"] });
    await cluster.until("there is a map", () => (cluster.map?.version ?? 0) > 1);
    const outcomes: unknown[] = [];
    void askToDrain(gateway.mainBus, { name: processName("a"), isDraining: true }).then((outcome) => {
      outcomes.push(outcome, cluster.map?.draining);
    });
    await cluster.until("there is an answer", () => outcomes.length > 0);
    expect(outcomes).toEqual([{ type: "done" }, ["a"]]);
  });

  test("is told when there is nobody who could do it", async () => {
    const cluster = new TestCluster(1);
    const gateway = cluster.start("gateway", { roles: ["gateway"] });
    const reasons: string[] = [];
    const ask = (): void => {
      void askToDrain(gateway.mainBus, { name: processName("a"), isDraining: true }).then((outcome) => {
        reasons.push(outcome.type === "failed" ? outcome.reason : "");
      });
    };
    ask();
    await cluster.until("there is an answer", () => reasons.length === 1);
    const node = cluster.start("a");
    await cluster.advance(LISTEN_MS / 2);
    ask();
    node.freeze();
    await cluster.until("there is an answer", () => reasons.length === 2);
    expect(reasons).toEqual([expect.stringContaining("no node"), expect.stringContaining("Ask again")]);
  });
});

test("a lone node starts to own within what a predecessor may have left behind", async () => {
  const cluster = new TestCluster(1);
  const first = cluster.start("node");
  await cluster.until("it owns", () => cluster.map?.shards[0]?.owner === first.process);
  first.kill();
  const second = cluster.start("node");
  const tookMs = await cluster.until("it owns again", () => cluster.map?.shards[0]?.owner === second.process);
  expect(tookMs).toBeLessThan(LISTEN_MS + AUTHORITY_MS + LEASE_MS + 4 * BEAT_MS);
});
