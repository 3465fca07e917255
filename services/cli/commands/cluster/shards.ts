import type { ClusterShard, ShardCopy } from "@millrace/sdk/client/cluster.ts";
import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import type { Colours } from "../../terminal/output.ts";
import { copyState } from "./states.ts";

export function shardsCommand(): Command {
  return clientCommand({
    name: "shards",
    summary: "List the shards: their slots, who owns each, who stands by, and how far both are.",
    examples: [
      "millrace cluster shards",
      "millrace cluster shards --json | jq 'select(.owner.state != \"ready\")'    # those that nobody serves now",
    ],
  }).action((flags: ClientFlags) =>
    withClient(flags, async ({ client, output }) => {
      const shards = await client.cluster.listShards();
      if (output.mode === "json") {
        for (const shard of shards) output.json(shard);
        return;
      }
      if (shards.length === 0 && output.mode === "terminal") {
        output.line(
          "There are no shards yet. Start a process that hosts some: millrace start --nats <server> --role node",
        );
        return;
      }
      const head = ["SHARD", "SLOTS", "OWNER", "STATE", "TERM", "POSITION", "STANDBY", "STATE", "LAG"];
      const isShown = output.mode === "terminal";
      output.table(
        head,
        shards.map((shard) => (isShown ? shownCells(shard, output.colours) : plainCells(shard))),
      );
    }),
  );
}

function shownCells(shard: ClusterShard, colours: Colours): (string | number)[] {
  const { shardId, slotsFrom, slotsUntil, owner, standby } = shard;
  return [
    ...[shardId, `${slotsFrom}-${slotsUntil - 1}`],
    ...[...placeCells(owner, colours), owner?.term ?? "", owner?.position ?? ""],
    ...[...placeCells(standby, colours), standby?.lag ?? ""],
  ];
}

function placeCells(copy: ShardCopy | undefined, colours: Colours): string[] {
  return copy === undefined ? [colours.dim("nobody"), ""] : [copy.name, copyState(copy, colours)];
}

function plainCells(shard: ClusterShard): (string | number)[] {
  const { shardId, slotsFrom, slotsUntil, generation, stream, owner, standby } = shard;
  return [shardId, slotsFrom, slotsUntil, generation, stream, ...copyCells(owner), ...copyCells(standby)];
}

function copyCells(copy: ShardCopy | undefined): (string | number)[] {
  if (copy === undefined) return ["", "", "", "", "", ""];
  const { processId, state, term, position, lag, failures } = copy;
  return [processId, state, term, position, lag, failures];
}
