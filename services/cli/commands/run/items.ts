import type { ItemFilter } from "@millrace/sdk/client/client.ts";
import type { StepStatus } from "@millrace/sdk/client/timeline.ts";
import { type Command, Option } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { failureText, rowCells, rowName } from "../../terminal/timeline-table.ts";
import { wholeNumber } from "../../whole-number.ts";
import { stepCells } from "./step-cells.ts";

const STATUSES = [
  "pending",
  "queued",
  "running",
  "retrying",
  "completed",
  "failed",
  "abandoned",
] as const satisfies StepStatus[];

type Flags = ClientFlags & {
  readonly step?: string;
  readonly status?: readonly StepStatus[];
  readonly limit: number;
};

/** The server's pages are at most this long. */
const PAGE_SIZE_MAX = 1_000;

export function itemsCommand(): Command {
  return clientCommand({
    name: "items",
    summary: "List the items of a run's forEach steps, in order.",
    examples: [
      "millrace run items 0d5kqz3v9m2h7xw4c1bt --status failed retrying",
      "millrace run items 0d5kqz3v9m2h7xw4c1bt --step notify --limit 10000 --json    # inputs and outputs as well",
    ],
  })
    .argument("<run>", "the run's ID")
    .option("--step <name>", "only items of this step")
    .addOption(new Option("--status <status...>", "only items in these states").choices(STATUSES))
    .option("--limit <count>", "at most so many", wholeNumber, 100)
    .action((runId: string, flags: Flags) =>
      withClient(flags, async ({ client, output }) => {
        const { colours, columns, mode } = output;
        const style = { colours, columns, nowMs: Date.now() };
        const rows: string[][] = [];
        let listed = 0;
        for await (const item of client.listItems(runId, filterOf(flags, mode !== "json"))) {
          if (listed++ === flags.limit) break;
          if (mode === "json") output.json(item);
          else if (mode === "plain") output.tabbed(stepCells(item));
          else rows.push([rowName(item), ...rowCells(item, style).slice(1), failureText(item.failure, colours)]);
        }
        if (mode === "terminal" && rows.length === 0) output.line("No item is like this.");
        else if (mode === "terminal") output.table(["ITEM", "STATUS", "TRIES", "QUEUED", "TOOK", "FAILURE"], rows);
        if (listed > flags.limit) output.note(`There are more; --limit ${flags.limit * 10} shows them.`);
      }),
    );
}

function filterOf({ step, status, limit }: Flags, brief: boolean): ItemFilter {
  return {
    brief,
    // One more than is shown, to know whether there are more.
    pageSize: Math.min(limit + 1, PAGE_SIZE_MAX),
    ...(step === undefined ? {} : { step }),
    ...(status === undefined ? {} : { statuses: status }),
  };
}
