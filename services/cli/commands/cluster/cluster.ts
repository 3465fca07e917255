import { Command } from "commander";
import { drainCommand } from "./drain.ts";
import { nodesCommand } from "./nodes.ts";
import { shardsCommand } from "./shards.ts";
import { snapshotCommand } from "./snapshot.ts";
import { statusCommand } from "./status.ts";
import { undrainCommand } from "./undrain.ts";

export function clusterCommands(): Command {
  return new Command("cluster")
    .description("See the processes and shards of a cluster, and move shards off a process before it is stopped.")
    .addCommand(statusCommand())
    .addCommand(nodesCommand())
    .addCommand(shardsCommand())
    .addCommand(drainCommand())
    .addCommand(undrainCommand())
    .addCommand(snapshotCommand());
}
