import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";

export function undrainCommand(): Command {
  return clientCommand({
    name: "undrain",
    summary: "Give a drained process its share of the shards again. They move to it a few at a time, while runs go on.",
    examples: ["millrace cluster undrain node-1"],
  })
    .argument("<name>", "the process's name; millrace cluster status lists those that are drained")
    .action((name: string, flags: ClientFlags) =>
      withClient(flags, async ({ client, output }) => {
        await client.cluster.undrainNode(name);
        output.result({
          terminal: `${name} gets its share of the shards again. See it with: millrace cluster nodes`,
          plain: [name, "working"],
          json: { name, status: "working" },
        });
      }),
    );
}
