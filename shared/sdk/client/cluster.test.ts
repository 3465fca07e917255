import { refusal } from "@millrace/errors/refusal.ts";
import { statusOf } from "@millrace/rpc/error-details.ts";
import {
  ClusterNode,
  ClusterShard,
  CopyState,
  NodeHealth,
  NodeRole,
} from "@millrace/rpc/generated/millrace/v1/cluster_service.ts";
import { expect, test } from "vitest";
import { errorFrom, serve } from "./scripted-server.ts";

type Reply = (error: Error | null, response?: unknown) => void;

test("a cluster's processes and shards have names and values", async () => {
  const node = ClusterNode.fromPartial({
    name: "one",
    roles: [NodeRole.NODE, NodeRole.CONNECTORS],
    health: NodeHealth.WEDGED,
    clockAheadMs: -12,
  });
  const owner = { name: "one", health: NodeHealth.LIVE, state: CopyState.READY, term: 3, position: 2 ** 40 };
  const shard = ClusterShard.fromPartial({ shardId: 4, slotsFrom: 10, slotsUntil: 20, owner });
  await using served = await serve(
    {},
    {},
    {
      listNodes: (_call: unknown, reply: Reply) => reply(null, { nodes: [node] }),
      listShards: (_call: unknown, reply: Reply) => reply(null, { shards: [shard] }),
    },
  );
  const { cluster } = served.client;
  expect(await cluster.listNodes()).toMatchObject([
    { name: "one", roles: ["node", "connectors"], health: "wedged", clockAheadMs: -12, draining: false },
  ]);
  expect(await cluster.listShards()).toMatchObject([
    { shardId: 4, owner: { health: "live", state: "ready", term: 3, position: 2 ** 40 }, standby: undefined },
  ]);
});

test("what an operator asks for is asked again while nobody coordinates", async () => {
  const asked: unknown[] = [];
  await using served = await serve(
    {},
    {},
    {
      drainNode: ({ request }: { readonly request: unknown }, reply: Reply) => {
        asked.push(request);
        if (asked.length === 1) reply(statusOf(refusal("COORDINATOR_UNAVAILABLE", { retryDelayMs: 1 })));
        else reply(null, {});
      },
      undrainNode: (_call: unknown, reply: Reply) => reply(null, {}),
      snapshotShard: (_call: unknown, reply: Reply) => reply(statusOf(refusal("SHARD_NOT_FOUND"))),
    },
  );
  const { cluster } = served.client;
  expect(await cluster.drainNode("one")).toBeUndefined();
  expect(asked).toEqual([{ name: "one" }, { name: "one" }]);
  expect(await cluster.undrainNode("one")).toBeUndefined();
  expect(await errorFrom(cluster.snapshotShard(9))).toMatchObject({ reason: "SHARD_NOT_FOUND" });
});
