import { answerSnapshots, type SnapshotOutcome } from "@millrace/membership/snapshot-request.ts";
import { TestCluster, type TestProcess } from "@millrace/membership/testing/test-cluster.ts";
import { SNAPSHOT_MS } from "@millrace/membership/timing.ts";
import type { MapShard } from "@millrace/model/cluster.ts";
import { position, processName, type ShardId } from "@millrace/model/ids.ts";
import { describe, expect, test } from "vitest";
import { operateCluster } from "./operate-cluster.ts";

/** What an operation comes to while virtual time goes by. */
async function settled<Value>(cluster: TestCluster, promise: Promise<Value>): Promise<Value | undefined> {
  let value: Value | undefined;
  void promise.then((came) => {
    value = came;
  });
  await cluster.until("it is answered", () => value !== undefined, 2 * SNAPSHOT_MS);
  return value;
}

/** Two nodes that share shards, and what a third process that hosts none can do about them. */
async function operated() {
  const cluster = new TestCluster(1);
  const [one, two, edge] = [cluster.start("one"), cluster.start("two"), cluster.start("edge", { roles: ["gateway"] })];
  const { operations, state } = operateCluster(edge.membership, edge.mainBus);
  if (operations === null) throw new Error("There is a cluster.");
  const seated = (): boolean => edge.membership.map?.shards.every(({ standby }) => standby !== null) === true;
  await cluster.until("each shard has an owner and a standby", seated);
  const shard = edge.membership.map?.shards[0];
  if (shard === undefined) throw new Error("There are shards.");
  const hosts = { owner: shard.owner === one.process ? one : two, standby: shard.owner === one.process ? two : one };
  return { cluster, operations, state, shard, ...hosts };
}

/** Answers for a process; the shards that it was asked for. */
function answers({ mainBus, process }: TestProcess, outcome: SnapshotOutcome): ShardId[] {
  const asked: ShardId[] = [];
  answerSnapshots(mainBus, process, async (shard) => {
    asked.push(shard);
    if (outcome.type === "failed") throw new Error(outcome.reason);
    return outcome.position;
  });
  return asked;
}

test("the state is what the process has heard", async () => {
  const { state } = await operated();
  const { process, coordinator, level, map, members } = state();
  expect(process).toMatch(/^edge-/);
  expect(members.map(({ name }) => name)).toEqual(["edge", "one", "two"]);
  expect([members[1]?.process, members[2]?.process]).toContain(coordinator);
  expect(level).toBe(1);
  expect(map?.shards.length).toBe(4);
});

describe("a drain", () => {
  test("is in the map when it is answered, and can be taken back", async () => {
    const { cluster, operations } = await operated();
    const name = processName("one");
    expect(await settled(cluster, operations.drain(name, true))).toBeNull();
    expect(cluster.map?.draining).toEqual(["one"]);
    expect(await settled(cluster, operations.drain(name, false))).toBeNull();
    expect(cluster.map?.draining).toEqual([]);
  });

  test("is refused while nobody coordinates", async () => {
    const { cluster, operations, owner, standby } = await operated();
    owner.kill();
    standby.kill();
    expect(await settled(cluster, operations.drain(processName("one"), true))).toMatchObject({
      code: "COORDINATOR_UNAVAILABLE",
      message: expect.stringContaining("No coordinator answered"),
    });
  });
});

describe("a snapshot", () => {
  const TAKEN = { type: "taken", position: position(40) } as const;

  test("is the standby's to take", async () => {
    const { cluster, operations, shard, owner, standby } = await operated();
    const asked = { owner: answers(owner, TAKEN), standby: answers(standby, TAKEN) };
    const taken = await settled(cluster, operations.snapshot(shard));
    expect(taken).toEqual({ process: standby.process, position: 40 });
    expect(asked).toEqual({ owner: [], standby: [shard.id] });
  });

  test.each([
    ["cannot", (standby: TestProcess) => void answers(standby, { type: "failed", reason: "No room." })],
    ["is not there", (standby: TestProcess) => standby.kill()],
  ])("is the owner's where the standby %s", async (_why, hinder) => {
    const { cluster, operations, shard, owner, standby } = await operated();
    answers(owner, TAKEN);
    hinder(standby);
    const taken = await settled(cluster, operations.snapshot(shard));
    expect(taken).toEqual({ process: owner.process, position: 40 });
  });

  test("is not begun twice: a standby that does not answer may be at it", async () => {
    const { cluster, operations, shard, owner, standby } = await operated();
    const asked = answers(owner, TAKEN);
    standby.mainBus.subscribe(`node.${standby.process}.snapshot`, () => {});
    const taken = await settled(cluster, operations.snapshot(shard));
    expect(taken).toMatchObject({ code: "SNAPSHOT_FAILED", message: expect.stringContaining("goes on") });
    expect(asked).toEqual([]);
  });

  test("is refused where nobody can, with each reason", async () => {
    const { cluster, operations, shard, owner, standby } = await operated();
    answers(standby, { type: "failed", reason: "No room." });
    const taken = await settled(cluster, operations.snapshot(shard));
    const message = `${standby.process}: No room. ${owner.process} is not there.`;
    expect(taken).toMatchObject({ code: "SNAPSHOT_FAILED", message });
    const nobodys: MapShard = { ...shard, owner: null, standby: null };
    const none = await settled(cluster, operations.snapshot(nobodys));
    expect(none).toMatchObject({ message: "Nobody hosts shard 0 yet." });
  });
});
