import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import type { Colours } from "../../terminal/output.ts";
import { type ClusterSummary, summaryOf, troublesOf } from "./summary.ts";

export function statusCommand(): Command {
  return clientCommand({
    name: "status",
    summary: "Show the cluster in a few lines: who coordinates, and whether every shard is served and has a standby.",
    examples: [
      "millrace cluster status",
      "millrace cluster status --json | jq -e '.shardsServed == .shards'    # for a script that waits for it",
    ],
  }).action((flags: ClientFlags) =>
    withClient(flags, async ({ client, output }) => {
      const { cluster } = client;
      const summary = summaryOf(...(await Promise.all([cluster.get(), cluster.listNodes(), cluster.listShards()])));
      const { coordinator, mapVersion, protocolLevel, draining, clustered } = summary;
      const { processesLive, processesLost, shards, shardsServed, standbysReady } = summary;
      output.result({
        terminal: statusLines(summary, output.colours).join("\n"),
        plain: [
          clustered ? "clustered" : "alone",
          ...[coordinator, mapVersion, protocolLevel, processesLive, processesLost],
          ...[shards, shardsServed, standbysReady, draining.join(",")],
        ],
        json: summary,
      });
      for (const trouble of troublesOf(summary)) output.note(trouble);
    }),
  );
}

function statusLines(summary: ClusterSummary, colours: Colours): string[] {
  const { clustered, coordinator, mapVersion, protocolLevel, draining } = summary;
  const { processesLive, processesLost, shards, shardsServed, standbysReady } = summary;
  const served = `${shardsServed} of ${shards} served`;
  const line = (title: string, text: string): string => `${colours.dim(title.padEnd(12))}${text}`;
  const shownServed = shardsServed === shards ? colours.green(served) : colours.red(served);
  if (!clustered)
    return [
      "This server is on its own. To have a cluster, start processes with millrace start --nats <server> --name <name>.",
      line("shards", shownServed),
    ];
  const lost = processesLost === 0 ? "" : `, ${colours.red(`${processesLost} lost`)}`;
  const lines = [
    line("coordinator", coordinator === "" ? colours.red("nobody") : colours.bold(coordinator)),
    line("map", `version ${mapVersion}, protocol ${protocolLevel}`),
    line("processes", `${processesLive} live${lost}`),
    line("shards", `${shownServed}, ${standbysReady} with a standby that has caught up`),
  ];
  return draining.length === 0 ? lines : [...lines, line("draining", colours.yellow(draining.join(", ")))];
}
