// A server on its own, as operators see it: a cluster of one process that hosts every shard and can give none away.
import { systemClock } from "@millrace/clock/system.ts";
import { initialMap } from "@millrace/core/placement/initial-map.ts";
import { mintProcessId } from "@millrace/core/process-id.ts";
import type { ClusterView } from "@millrace/gateway/cluster/cluster-view.ts";
import type { HostedShard } from "@millrace/model/cluster.ts";
import { processName, shardId } from "@millrace/model/ids.ts";
import type { Shard } from "@millrace/shard-host/shard.ts";

/** What is needed of a shard. */
export type ShownShard = Pick<Shard, "state" | "term" | "position" | "load">;

/** `shards` in the order of their slots. */
export function loneCluster(name: string, shards: readonly ShownShard[]): ClusterView {
  const process = mintProcessId(processName(name), systemClock.random32(), systemClock.random32());
  const map = initialMap(shards.length, 1);
  const placed = { ...map, shards: map.shards.map((shard) => ({ ...shard, owner: process })) };
  return {
    operations: null,
    state: () => ({
      process,
      coordinator: null,
      level: 0,
      map: placed,
      members: [
        {
          process,
          name: processName(name),
          roles: ["node", "gateway", "connectors"],
          versions: { min: 0, max: 0 },
          health: "live",
          clockAheadMs: 0,
          load: shards.reduce((sum, { load }) => sum + load.mailbox, 0),
          hosted: shards.map((shard, index) => hostedShard(shard, index)),
        },
      ],
    }),
  };
}

function hostedShard({ state, term, position }: ShownShard, index: number): HostedShard {
  return {
    shard: shardId(index),
    generation: 1,
    role: "owner",
    state: stateOf(state.type),
    failures: 0,
    term,
    position,
    lag: 0,
  };
}

function stateOf(type: ShownShard["state"]["type"]): HostedShard["state"] {
  switch (type) {
    case "serving":
      return "ready";
    case "opening":
      return "opening";
    case "stopped":
      return "closing";
    case "full":
    case "broken":
      return "failed";
  }
}
