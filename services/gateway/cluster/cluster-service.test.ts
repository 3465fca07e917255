import { status } from "@grpc/grpc-js";
import { initialMap } from "@millrace/core/placement/initial-map.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import type { ClusterMap, HostedShard, Member } from "@millrace/model/cluster.ts";
import { position, processId, processName, shardId, term } from "@millrace/model/ids.ts";
import { CopyState, NodeHealth, NodeRole } from "@millrace/rpc/generated/millrace/v1/cluster_service.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { answerOf, type ServedGateway, serveGateway } from "../testdata/served-gateway.ts";
import type { ClusterState } from "./cluster-view.ts";

const ONE = processId("one-0123abcd");
const TWO = processId("two-0123abcd");
const LOST = processId("lost-0123abcd");

function hosted(shard: number, role: HostedShard["role"], more: Partial<HostedShard> = {}): HostedShard {
  const at = { term: term(3), position: position(40), lag: 0, failures: 0 };
  return { shard: shardId(shard), generation: 1, role, state: "ready", ...at, ...more };
}

function member(process: typeof ONE, name: string, more: Partial<Member>): Member {
  const rest = { health: "live", versions: { min: 1, max: 2 }, clockAheadMs: 0, load: 0, hosted: [] } as const;
  return { process, name: processName(name), roles: ["node", "gateway"], ...rest, ...more };
}

const SEATS = [
  { owner: ONE, standby: TWO },
  { owner: LOST, standby: ONE },
  { owner: processId("stranger-0123abcd"), standby: null },
];
const MAP: ClusterMap = {
  version: 7,
  epoch: 1,
  shards: initialMap(3, 1).shards.map((shard, index) => ({ ...shard, ...SEATS[index] })),
  draining: [processName("two"), processName("away")],
};

const STATE: ClusterState = {
  process: ONE,
  coordinator: TWO,
  level: 2,
  map: MAP,
  members: [
    member(LOST, "lost", { health: "silent", hosted: [hosted(1, "owner")] }),
    member(ONE, "one", { clockAheadMs: 2.4, load: 9, hosted: [hosted(0, "owner"), hosted(1, "standby", { lag: 2 })] }),
    member(TWO, "two", { clockAheadMs: -3e12, hosted: [hosted(0, "standby", { state: "opening", failures: 1 })] }),
    member(processId("edge-0123abcd"), "edge", { roles: ["gateway", "connectors"] }),
  ],
};

let served: ServedGateway;
/** What was asked of the cluster. */
const asked: unknown[] = [];

beforeAll(async () => {
  served = await serveGateway();
});
afterAll(() => served.close());
beforeEach(() => {
  asked.length = 0;
  served.cluster.known = STATE;
  served.cluster.operations = {
    drain: async (name, isDraining) => {
      asked.push({ name, isDraining });
      return name === "lost" ? refusal("COORDINATOR_UNAVAILABLE", { message: "Nobody is there." }) : null;
    },
    snapshot: async ({ id }) => {
      asked.push(id);
      return id === 1 ? refusal("SNAPSHOT_FAILED") : { process: TWO, position: position(40) };
    },
  };
});

describe("a cluster is shown", () => {
  it("with who coordinates, and what all agree on", async () => {
    expect(await answerOf((done) => served.operator.getCluster({}, done))).toEqual({
      clustered: true,
      processId: ONE,
      coordinator: TWO,
      mapVersion: 7,
      protocolLevel: 2,
      draining: ["two", "away"],
    });
  });

  it("with its processes: what they do, host, and are to host; one that is lost hosts nothing", async () => {
    const answer = await answerOf((done) => served.operator.listNodes({}, done));
    expect(answer).toMatchObject({
      nodes: [
        { name: "lost", health: NodeHealth.SILENT, ownedShards: 0, standbyShards: 0, wantedShards: 1 },
        { processId: ONE, load: 9, clockAheadMs: 2, ownedShards: 1, standbyShards: 1, wantedShards: 2 },
        { name: "two", draining: true, clockAheadMs: -(2 ** 31 - 1), protocolMin: 1, protocolMax: 2 },
        { name: "edge", roles: [NodeRole.GATEWAY, NodeRole.CONNECTORS], draining: false, wantedShards: 0 },
      ],
    });
  });

  it("with its shards: where each is wanted, and how far it is there", async () => {
    const answer = await answerOf((done) => served.operator.listShards({}, done));
    expect(answer).toMatchObject({
      shards: [
        {
          shardId: 0,
          slotsFrom: 0,
          slotsUntil: 1366,
          owner: { processId: ONE, name: "one", state: CopyState.READY, term: 3, position: 40 },
          standby: { processId: TWO, state: CopyState.OPENING, failures: 1 },
        },
        {
          owner: { name: "lost", health: NodeHealth.SILENT, state: CopyState.UNSPECIFIED, position: 0 },
          standby: { name: "one", state: CopyState.READY, lag: 2 },
        },
        { slotsUntil: 4096, owner: { name: "stranger", health: NodeHealth.UNSPECIFIED }, standby: undefined },
      ],
    });
  });

  it("before it has a map", async () => {
    served.cluster.known = { ...STATE, map: null, coordinator: null };
    expect(await answerOf((done) => served.operator.listShards({}, done))).toEqual({ shards: [] });
    expect(await answerOf((done) => served.operator.getCluster({}, done))).toMatchObject({ mapVersion: 0 });
  });
});

describe("a node is drained and undrained", () => {
  it.each(["one", "two", "stranger", "away"])("by its name: %s", async (name) => {
    expect(await answerOf((done) => served.operator.drainNode({ name }, done))).toEqual({});
    expect(await answerOf((done) => served.operator.undrainNode({ name }, done))).toEqual({});
    expect(asked).toEqual([
      { name, isDraining: true },
      { name, isDraining: false },
    ]);
  });

  it.each([
    ["no name", "", status.INVALID_ARGUMENT],
    ["no process", "nobody", status.NOT_FOUND],
    ["a process that hosts no shards", "edge", status.NOT_FOUND],
    ["a process's ID", ONE, status.NOT_FOUND],
  ])("I8: and not by %s", async (_what, name, code) => {
    expect(await answerOf((done) => served.operator.drainNode({ name }, done))).toMatchObject({ code });
    expect(asked).toEqual([]);
  });

  it("if somebody coordinates", async () => {
    const answer = await answerOf((done) => served.operator.drainNode({ name: "lost" }, done));
    expect(answer).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringContaining("Nobody is there.") });
  });
});

it("a snapshot is taken of a shard there is", async () => {
  const take = (shard: number) => answerOf((done) => served.operator.snapshotShard({ shardId: shard }, done));
  expect(await take(0)).toEqual({ position: 40, processId: TWO });
  expect(await take(1)).toMatchObject({ code: status.UNAVAILABLE });
  expect(await take(3)).toMatchObject({ code: status.NOT_FOUND, details: expect.stringContaining("shard_id is 3") });
  expect(asked).toEqual([0, 1]);
});

describe("over HTTP", () => {
  const call = async (method: string, body: unknown) => {
    const response = await fetch(`${served.gateway.httpAddress}/millrace.v1.ClusterService/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer: unknown = await response.json();
    return { status: response.status, answer };
  };

  it("all of it is JSON", async () => {
    expect((await call("GetCluster", {})).answer).toMatchObject({ clustered: true, mapVersion: "7" });
    expect((await call("ListNodes", {})).answer).toMatchObject({
      nodes: [{ health: "NODE_HEALTH_SILENT" }, {}, {}, {}],
    });
    expect((await call("ListShards", {})).answer).toMatchObject({ shards: [{ owner: { position: "40" } }, {}, {}] });
    expect(await call("DrainNode", { name: "one" })).toEqual({ status: 200, answer: {} });
    expect(await call("UndrainNode", { name: "one" })).toEqual({ status: 200, answer: {} });
    expect((await call("SnapshotShard", { shardId: 2 })).answer).toEqual({ position: "40", processId: TWO });
  });

  it("a server on its own changes nothing, and says how to start a cluster", async () => {
    served.cluster.operations = null;
    expect((await call("GetCluster", {})).answer).not.toHaveProperty("clustered");
    for (const [method, body] of [
      ["DrainNode", { name: "one" }],
      ["UndrainNode", { name: "one" }],
      ["SnapshotShard", {}],
    ] as const)
      expect(await call(method, body)).toMatchObject({
        status: 400,
        answer: { code: status.FAILED_PRECONDITION, message: expect.stringContaining("millrace start --nats") },
      });
  });
});
