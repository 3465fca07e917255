import type { Timeline } from "@millrace/sdk/client/timeline.ts";
import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { UsageError } from "../../failures.ts";
import { leftOutLines, leftOutOfWhole } from "../../terminal/left-out.ts";
import type { Output } from "../../terminal/output.ts";
import { payloadLines } from "../../terminal/payload-lines.ts";
import { timelineText } from "../../terminal/timeline-table.ts";
import { wholeNumber } from "../../whole-number.ts";
import { stepCells } from "./step-cells.ts";

type Flags = ClientFlags & { readonly items?: boolean; readonly step?: string; readonly item?: number };

export function timelineCommand(): Command {
  return clientCommand({
    name: "timeline",
    summary: "Show what happened to a run, step by step: tries, times, failures. Live runs too.",
    examples: [
      "millrace run timeline 0d5kqz3v9m2h7xw4c1bt",
      "millrace run timeline 0d5kqz3v9m2h7xw4c1bt --items       # a row for every item of a forEach, the failed ones first",
      "millrace run timeline 0d5kqz3v9m2h7xw4c1bt --step notify --item 17    # with input, output and logs",
      "millrace run timeline 0d5kqz3v9m2h7xw4c1bt --json        # inputs, outputs, logs and attempts as well",
    ],
  })
    .argument("<run>", "the run's ID")
    .option("--items", "a row for every item of a forEach, instead of one for all; at most 1,000")
    .option("--step <name>", "only this step, with its payloads")
    .option("--item <number>", "with --step: only this item of it, from 0", wholeNumber)
    .action((runId: string, flags: Flags) =>
      withClient(flags, async ({ client, output }) => {
        const { step, item } = flags;
        if (item !== undefined && step === undefined)
          throw new UsageError(`--item is ${item}, and --step is missing; write --step <name> --item ${item}.`);
        const timeline = await client.getTimeline(runId, {
          brief: output.mode === "plain" || (output.mode === "terminal" && step === undefined),
          ...(step === undefined ? {} : { step }),
          ...(item === undefined ? {} : { item }),
        });
        show(timeline, output, flags);
      }),
    );
}

function show(timeline: Timeline, output: Output, { items = false, step, item: only }: Flags): void {
  const { colours, columns, mode } = output;
  if (mode === "json") {
    output.json(timeline);
    for (const line of leftOutOfWhole(timeline)) output.note(line);
    return;
  }
  if (mode === "plain") {
    for (const row of timeline.steps) if (row.item < 0 || items || only !== undefined) output.tabbed(stepCells(row));
    if (items) for (const line of leftOutLines(timeline)) output.note(line);
    return;
  }
  output.line(timelineText(timeline, { colours, columns, nowMs: Date.now(), unfolded: items || only !== undefined }));
  const [first] = timeline.steps;
  if (step !== undefined && first !== undefined) for (const line of payloadLines(first, colours)) output.line(line);
}
