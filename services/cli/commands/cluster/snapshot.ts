import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { wholeNumber } from "../../whole-number.ts";

export function snapshotCommand(): Command {
  return clientCommand({
    name: "snapshot",
    summary:
      "Copy a shard's state into the archive now, and wait until it is whole. Nobody need do so: it happens every few minutes.",
    examples: [
      "millrace cluster snapshot 3",
      "millrace cluster snapshot 3 --timeout 30m    # of a shard of many gigabytes",
    ],
    // One that is asked for again is waited for on.
    timeout: "2m",
  })
    .argument("<shard>", "the shard's number, as millrace cluster shards shows it", wholeNumber)
    .action((shardId: number, flags: ClientFlags) =>
      withClient(flags, async ({ client, output }) => {
        const { position, processId } = await client.cluster.snapshotShard(shardId);
        output.result({
          terminal: `${processId} has put shard ${shardId} into the archive, up to its record ${position}.`,
          plain: [shardId, position, processId],
          json: { shardId, position, processId },
        });
      }),
    );
}
