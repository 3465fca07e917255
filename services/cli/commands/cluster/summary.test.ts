import type { Cluster, ClusterNode, ClusterShard, ShardCopy } from "@millrace/sdk/client/cluster.ts";
import picocolors from "picocolors";
import { expect, test } from "vitest";
import { copyState } from "./states.ts";
import { type ClusterSummary, summaryOf, troublesOf } from "./summary.ts";

const CLUSTER: Cluster = {
  clustered: true,
  processId: "a-0123abcd",
  coordinator: "a-0123abcd",
  mapVersion: 4,
  protocolLevel: 1,
  draining: [],
};

function copy(more: Partial<ShardCopy> = {}): ShardCopy {
  const at = { term: 1, position: 9, lag: 0, failures: 0 };
  return { processId: "a-0123abcd", name: "a", health: "live", state: "ready", ...at, ...more };
}

function shard(shardId: number, owner?: ShardCopy, standby?: ShardCopy): ClusterShard {
  return { shardId, slotsFrom: 0, slotsUntil: 1, generation: 1, stream: 0, owner, standby };
}

const HEALTHS = ["live", "leaving", "silent", "gone"] as const;
const NODES: readonly ClusterNode[] = HEALTHS.map((health) => {
  const counts = { clockAheadMs: 0, load: 0, ownedShards: 0, standbyShards: 0, wantedShards: 0 };
  const protocol = { protocolMin: 1, protocolMax: 1 };
  return {
    processId: `${health}-0123abcd`,
    name: health,
    roles: ["node"],
    health,
    draining: false,
    ...protocol,
    ...counts,
  };
});

test("a cluster is summed up", () => {
  const shards = [
    shard(0, copy(), copy()),
    shard(1, copy(), copy({ state: "opening" })),
    shard(2, copy({ state: "unknown", health: "gone" })),
    shard(3),
  ];
  expect(summaryOf(CLUSTER, NODES, shards)).toEqual({
    ...CLUSTER,
    processesLive: 2,
    processesLost: 2,
    shards: 4,
    shardsServed: 2,
    standbysReady: 1,
  });
});

test.each<[string, Partial<ClusterSummary>, readonly RegExp[]]>([
  ["is well", {}, []],
  ["has no map", { mapVersion: 0, shards: 0, shardsServed: 0, standbysReady: 0 }, [/start a process/]],
  ["has no coordinator", { coordinator: "" }, [/Nobody coordinates/]],
  ["does not serve all", { shardsServed: 1, standbysReady: 0 }, [/not served: 1\./]],
  ["lacks standbys", { standbysReady: 1 }, [/without a standby that has caught up: 1\./]],
  ["has one process", { standbysReady: 0, processesLive: 1 }, [/a second process/]],
  ["is none", { clustered: false, coordinator: "", standbysReady: 0 }, []],
])("what is wrong with a cluster that %s", (_what, more, expected) => {
  const well = { ...CLUSTER, processesLive: 2, processesLost: 0, shards: 2, shardsServed: 2, standbysReady: 2 };
  const troubles = troublesOf({ ...well, ...more });
  expect(troubles.length).toBe(expected.length);
  for (const [index, pattern] of expected.entries()) expect(troubles[index]).toMatch(pattern);
});

test.each<[string, Partial<ShardCopy>]>([
  ["ready", {}],
  ["failed 3 times", { state: "failed", failures: 3 }],
  ["opening", { state: "opening" }],
  ["asked", { state: "unknown" }],
  ["gone", { health: "gone", state: "unknown" }],
  ["wedged", { health: "wedged" }],
])("a shard's owner is shown as %s", (shown, more) => {
  expect(copyState(copy(more), picocolors.createColors(false))).toBe(shown);
});
