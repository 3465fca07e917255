// States of processes and shards in the colours of what they mean.
import type { ClusterNode, ShardCopy } from "@millrace/sdk/client/cluster.ts";
import type { Colours } from "../../terminal/output.ts";

export function healthCell({ health, draining }: ClusterNode, colours: Colours): string {
  const shown = health === "live" ? colours.green(health) : healthText(health, colours);
  return draining ? `${shown}, ${colours.yellow("draining")}` : shown;
}

/** How far a process is with a shard; of one that is not there, how that is. */
export function copyState({ health, state, failures }: ShardCopy, colours: Colours): string {
  if (health !== "live" && health !== "leaving") return healthText(health, colours);
  switch (state) {
    case "ready":
      return colours.green(state);
    case "failed":
      return colours.red(`${state} ${failures} times`);
    case "opening":
    case "closing":
      return colours.yellow(state);
    case "unknown":
      return colours.dim("asked");
  }
}

function healthText(health: ClusterNode["health"], colours: Colours): string {
  switch (health) {
    case "live":
      return health;
    case "leaving":
      return colours.yellow(health);
    case "gone":
    case "unknown":
      return colours.dim(health);
    case "silent":
    case "wedged":
      return colours.red(health);
  }
}
