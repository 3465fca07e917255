import type { ClusterNode } from "@millrace/sdk/client/cluster.ts";
import { expect, test } from "vitest";
import { drainProgress } from "./drain-progress.ts";

function node(name: string, more: Partial<ClusterNode> = {}): ClusterNode {
  return {
    processId: `${name}-0123abcd`,
    name,
    roles: ["node", "gateway", "connectors"],
    health: "live",
    protocolMin: 1,
    protocolMax: 1,
    clockAheadMs: 0,
    load: 0,
    draining: false,
    ownedShards: 0,
    standbyShards: 0,
    wantedShards: 0,
    ...more,
  };
}

const OTHER = node("b");

test.each<[string, Partial<ClusterNode>]>([
  ["owns shards", { ownedShards: 2, standbyShards: 1, wantedShards: 3 }],
  ["holds one that is wanted elsewhere by now", { ownedShards: 1 }],
  ["is yet to hear of what it is to host", { wantedShards: 1 }],
])("a process that %s is not drained", (_what, counts) => {
  const progress = drainProgress("a", [node("a", counts), OTHER]);
  expect(progress).toEqual({ type: "moving", owned: counts.ownedShards ?? 0, standbys: counts.standbyShards ?? 0 });
});

test("all processes of a name are drained, not only its newest life, but for those that are gone", () => {
  const before = (health: ClusterNode["health"]) => node("a", { health, wantedShards: 1 });
  expect(drainProgress("a", [before("silent"), node("a"), OTHER])).toMatchObject({ type: "moving" });
  expect(drainProgress("a", [before("gone"), node("a"), OTHER])).toEqual({ type: "done" });
});

test("a process that hosts nothing, or that nobody knows any more, is drained", () => {
  expect(drainProgress("a", [node("a"), OTHER])).toEqual({ type: "done" });
  expect(drainProgress("a", [OTHER])).toEqual({ type: "done" });
});

test.each<[string, readonly ClusterNode[]]>([
  ["alone", []],
  ["with one that is drained as well", [node("b", { draining: true })]],
  ["with one that is lost", [node("b", { health: "silent" })]],
  ["with one that hosts no shards", [node("b", { roles: ["gateway"] })]],
])("a process %s has nobody to give its shards to", (_what, others) => {
  const progress = drainProgress("a", [node("a", { ownedShards: 2, wantedShards: 2 }), ...others]);
  expect(progress).toEqual({ type: "stuck", owned: 2, standbys: 0 });
});
