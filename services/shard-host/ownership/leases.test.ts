// Who may answer from memory is the newest claimant: NodeCluster checks that after every step. Here are the ways in which
// it could come to be otherwise, one by one; a wait in vain or the check's error is what fails.
import { askToDrain } from "@millrace/membership/drain-request.ts";
import { SUSPECT_SUBJECT } from "@millrace/membership/subjects.ts";
import { printSuspicion } from "@millrace/membership/suspicion.ts";
import { AUTHORITY_MS, BEAT_MS, LEASE_MS, MARGIN_MS, SEAT_STALE_MS, SILENT_MS } from "@millrace/membership/timing.ts";
import { processName, type ShardId } from "@millrace/model/ids.ts";
import { describe, expect, test } from "vitest";
import { NodeCluster, type TestNode } from "./testing/node-cluster.ts";

const NAMES = ["a", "b", "c"] as const;

function shardOf(cluster: NodeCluster, node: TestNode): ShardId {
  const [shard] = cluster.ownedBy(node);
  if (shard === undefined) throw new Error(`${node.name} owns nothing.`);
  return shard;
}

/** Two nodes that do not coordinate, and a shard that the second one follows for the first. */
function pair(cluster: NodeCluster): { owner: TestNode; heir: TestNode; shard: ShardId } {
  const [owner, heir] = cluster.nodes.filter((node) => node !== cluster.coordinator);
  const shards = cluster.cluster.map?.shards ?? [];
  const found = shards.find((shard) => {
    return shard.owner === owner?.process.process && shard.standby === heir?.process.process;
  });
  if (owner === undefined || heir === undefined || found === undefined) throw new Error("Choose another seed.");
  return { owner, heir, shard: found.id };
}

/** Messages that match get lost on their way from one node's connections to another's. */
function lose(cluster: NodeCluster, loses: (subject: string, from: string, to: string) => boolean): void {
  cluster.cluster.hub.loses = ({ subject, from, to }) => loses(subject, from, to);
}

function isRelease(subject: string): boolean {
  return subject.endsWith(".release");
}

describe("leases", () => {
  test("I2: no lease outlives ownership when the owner does not hear of the map that takes its shards away", async () => {
    const cluster = await NodeCluster.atRest(NAMES);
    const { follower } = cluster;
    const shard = shardOf(cluster, follower);
    lose(cluster, isRelease);
    follower.process.kv.cut();
    void askToDrain(cluster.coordinator.process.mainBus, { name: processName(follower.name), isDraining: true });
    await cluster.cluster.until("another one serves", () => {
      const server = cluster.serverOf(shard);
      return server !== undefined && server !== follower;
    });
    expect(follower.agent.hosted.find((of) => of.shard === shard)?.state).toBe("ready");
    expect(follower.agent.mayAnswerFromMemory(shard)).toBe(false);
  });

  test("I2: no lease outlives ownership when the owner was somebody else in between, unseen by the one who is so again", async () => {
    const cluster = await NodeCluster.atRest(NAMES);
    const { owner, heir, shard } = pair(cluster);
    const isMapped = (to: TestNode): boolean => cluster.cluster.map?.shards[shard]?.owner === to.process.process;
    owner.process.cut();
    await cluster.cluster.until("the heir serves", () => cluster.serverOf(shard) === heir);
    // It is heard again, but neither hears of the map nor reaches its journal.
    owner.process.bus.mend();
    await cluster.cluster.advance(SILENT_MS);
    heir.process.kill();
    await cluster.cluster.until("the shard is the owner's again", () => isMapped(owner));
    // By now all news that was on its way is lost: it learns of the newest map alone.
    await cluster.cluster.advance(3_000);
    owner.process.kv.mend();
    owner.process.mainBus.mend();
    await cluster.cluster.until("it knows", () => owner.process.cells.mapVersion === cluster.cluster.map?.version);
    await cluster.cluster.advance(1_000);
    owner.process.mend();
    await cluster.cluster.until("it serves", () => cluster.serverOf(shard) === owner);
    expect(cluster.journals.of(shard).term).toBe(3);
  });

  test("I2: no lease outlives ownership when a new owner stood still while it took over, and was replaced", async () => {
    const cluster = await NodeCluster.atRest(NAMES);
    const { owner, heir, shard } = pair(cluster);
    owner.process.kill();
    await cluster.cluster.until("the heir opens", () => heir.host.log.includes(`opens ${shard}`));
    heir.process.freeze();
    // It is not to hear of the map when it goes on.
    heir.process.kv.cut();
    await cluster.cluster.until("another one serves", () => cluster.serverOf(shard) !== undefined);
    const { term } = cluster.journals.of(shard);
    heir.process.thaw();
    await cluster.cluster.advance(2_000);
    expect(cluster.journals.of(shard).term).toBe(term);
    expect(heir.heard).toContain(`failed ${shard}: it may not claim`);
  });

  test("I2: no lease outlives ownership when a coordinator without its seat goes on granting", async () => {
    const cluster = await NodeCluster.atRest(NAMES);
    const { coordinator } = cluster;
    const { owner, heir, shard } = pair(cluster);
    // The old coordinator cannot write, its successor is not heard by the owner, and the owner hears of no map.
    coordinator.process.kv.cut();
    owner.process.kv.cut();
    lose(cluster, (subject, from, to) => {
      const isToOwner = to.startsWith(owner.process.process);
      return isRelease(subject) || (isToOwner && subject === "lease" && from.startsWith(heir.process.process));
    });
    await cluster.cluster.until("the heir coordinates", () => cluster.coordinator === heir, 2 * SEAT_STALE_MS);
    await cluster.cluster.advance(BEAT_MS);
    void askToDrain(heir.process.mainBus, { name: processName(owner.name), isDraining: true });
    await cluster.cluster.until("the heir serves", () => cluster.serverOf(shard) === heir);
    expect(owner.agent.hosted.find((of) => of.shard === shard)?.state).toBe("ready");
    expect(owner.process.membership.isLeaseValid).toBe(false);
  });

  test("I2: no lease outlives ownership when a map that an old coordinator wrote arrives under its successor", async () => {
    const cluster = await NodeCluster.atRest(["a", "b", "c", "d"], 1, { shards: 8, streams: 1 });
    const { coordinator, follower } = cluster;
    const isFromOwner = (from: string): boolean => from.startsWith(follower.process.process);
    const isToOld = (to: string): boolean => to.startsWith(coordinator.process.process);
    // The old coordinator alone does not hear the owner, and takes it for lost.
    lose(cluster, (_subject, from, to) => isFromOwner(from) && isToOld(to));
    await cluster.cluster.advance(SILENT_MS - 2 * BEAT_MS);
    // What it writes now stays on the way until another one coordinates, to whom all is well.
    cluster.cluster.kv.noticeMs = 2 * SEAT_STALE_MS;
    coordinator.process.kv.cut();
    await cluster.cluster.until("another one coordinates", () => cluster.coordinator !== coordinator);
    await cluster.cluster.advance(2 * BEAT_MS);
    follower.process.kv.cut();
    coordinator.process.kv.mend();
    await cluster.cluster.advance(LEASE_MS);
    expect(cluster.ownedBy(follower).length).toBeGreaterThan(0);
    follower.process.kv.mend();
    await cluster.cluster.until("all is served", () => cluster.isServed);
  });

  test("are waited for, even when somebody has noticed at once that the owner is gone", async () => {
    const cluster = await NodeCluster.atRest(NAMES);
    const { owner, shard } = pair(cluster);
    const { cells } = owner.process;
    const before = cells.leaseUntilMs;
    await cluster.cluster.until("it has a new lease", () => cells.leaseUntilMs !== before);
    const { leaseUntilMs } = cells;
    owner.process.kill();
    cluster.coordinator.process.mainBus.publish(SUSPECT_SUBJECT, printSuspicion({ shard }));
    await cluster.cluster.until("it is given away", () => !cluster.ownedBy(owner).includes(shard));
    expect(cluster.cluster.nowMs).toBeGreaterThan(leaseUntilMs);
    expect(cluster.cluster.nowMs).toBeLessThan(leaseUntilMs + MARGIN_MS + 2 * BEAT_MS);
  });

  test("a successor changes no owner while its predecessor may still grant leases", async () => {
    const cluster = await NodeCluster.atRest(NAMES);
    const { coordinator } = cluster;
    let renewedMs = 0;
    let renewals = cluster.cluster.seat?.renewals;
    await cluster.cluster.until("the coordinator renews its seat", () => cluster.cluster.seat?.renewals !== renewals);
    renewals = cluster.cluster.seat?.renewals;
    renewedMs = cluster.cluster.nowMs;
    coordinator.process.kill();
    await cluster.cluster.until("its shards are given away", () => cluster.ownedBy(coordinator).length === 0);
    expect(cluster.cluster.nowMs - renewedMs).toBeGreaterThanOrEqual(AUTHORITY_MS + LEASE_MS);
  });
});
