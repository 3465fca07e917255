import type { TimelineStep } from "@millrace/sdk/client/timeline.ts";
import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { timelineText } from "../../terminal/timeline-table.ts";

type Flags = ClientFlags & { readonly items?: boolean };

export function timelineCommand(): Command {
  return clientCommand({
    name: "timeline",
    summary: "Show what happened to a run, step by step: tries, times, failures. Live runs too.",
    examples: [
      "millrace run timeline 0d5kqz3v9m2h7xw4c1bt",
      "millrace run timeline 0d5kqz3v9m2h7xw4c1bt --items       # a row for every item of a forEach",
      "millrace run timeline 0d5kqz3v9m2h7xw4c1bt --json        # inputs, outputs, logs and attempts as well",
    ],
  })
    .argument("<run>", "the run's ID")
    .option("--items", "a row for every item of a forEach, instead of one for all")
    .action((runId: string, flags: Flags) =>
      withClient(flags, async ({ client, output }) => {
        const timeline = await client.getTimeline(runId, { brief: output.mode !== "json" });
        const { colours, columns } = output;
        const unfolded = flags.items ?? false;
        if (output.mode === "json") output.json(timeline);
        else if (output.mode === "terminal") {
          output.line(timelineText(timeline, { colours, columns, nowMs: Date.now(), unfolded }));
        } else for (const step of timeline.steps) if (step.item < 0 || unfolded) output.tabbed(plainCells(step));
      }),
    );
}

/** As docs/cli.md lists them. */
function plainCells(step: TimelineStep): (string | number)[] {
  const { scheduleTime, startTime, endTime, failure } = step;
  return [
    step.step,
    step.item < 0 ? "" : step.item,
    step.status,
    step.attempts,
    step.queueMs,
    step.runMs,
    scheduleTime?.toISOString() ?? "",
    startTime?.toISOString() ?? "",
    endTime?.toISOString() ?? "",
    step.worker,
    failure?.code ?? "",
  ];
}
