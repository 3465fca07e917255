import type { RunStatus } from "@millrace/model/run-state.ts";
import type { RunFilter } from "@millrace/sdk/client/client.ts";
import { type Command, Option } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { UsageError } from "../../failures.ts";
import { shownDuration, shownTime } from "../../terminal/durations.ts";
import { runStatus } from "../../terminal/timeline-table.ts";
import { wholeNumber } from "../../whole-number.ts";

const STATUSES = {
  running: true,
  paused: true,
  cancelling: true,
  completed: true,
  failed: true,
  cancelled: true,
  "timed-out": true,
  terminated: true,
} as const satisfies Record<RunStatus, true>;

type Flags = ClientFlags & {
  readonly workflow?: string;
  readonly status?: RunStatus;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
};

/** The server's pages are at most this long. */
const PAGE_SIZE_MAX = 1_000;

export function listCommand(): Command {
  return clientCommand({
    name: "list",
    summary: "List runs, newest first.",
    examples: [
      "millrace run list",
      "millrace run list --workflow hello --status failed --limit 100",
      "millrace run list --since 2026-01-31T08:00:00Z --json",
    ],
  })
    .option("--workflow <name>", "only runs of this workflow")
    .addOption(new Option("--status <status>", "only runs with this status").choices(Object.keys(STATUSES)))
    .option("--since <time>", "only runs started at this time or after")
    .option("--until <time>", "only runs started before this time")
    .option("--limit <count>", "at most so many", wholeNumber, 20)
    .action((flags: Flags) =>
      withClient(flags, async ({ client, output }) => {
        const rows: (string | number)[][] = [];
        let listed = 0;
        const filter = filterOf(flags);
        for await (const run of client.listRuns(filter)) {
          if (listed++ === flags.limit) break;
          if (output.mode === "json") output.json(run);
          const { runId, workflow, version, status, startTime, endTime, stepsSettled, stepsTotal } = run;
          const tookMs = (endTime?.getTime() ?? Date.now()) - startTime.getTime();
          const shown = output.mode === "terminal";
          rows.push([
            runId,
            `${workflow} v${version}`,
            runStatus(status, output.colours),
            `${stepsSettled}/${stepsTotal}`,
            shown ? shownTime(startTime) : startTime.toISOString(),
            shown ? shownDuration(Math.max(0, tookMs)) : String(Math.max(0, tookMs)),
            run.failure === undefined ? "" : `${run.failedStep}: ${run.failure.code}`,
          ]);
        }
        if (rows.length === 0 && output.mode === "terminal") output.line("No run is like this.");
        else if (output.mode !== "json")
          output.table(["RUN", "WORKFLOW", "STATUS", "STEPS", "STARTED", "TOOK", "FAILURE"], rows);
        if (listed > flags.limit) output.note(`There are more; --limit ${flags.limit * 10} shows them.`);
      }),
    );
}

function filterOf({ workflow, status, since, until, limit }: Flags): RunFilter {
  return {
    // One more than is shown, to know whether there are more.
    pageSize: Math.min(limit + 1, PAGE_SIZE_MAX),
    ...(workflow === undefined ? {} : { workflow }),
    ...(status === undefined ? {} : { status }),
    ...(since === undefined ? {} : { startedFrom: timeOf("--since", since) }),
    ...(until === undefined ? {} : { startedUntil: timeOf("--until", until) }),
  };
}

function timeOf(flag: string, text: string): Date {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) {
    throw new UsageError(`${flag} is ${text}; write a date or time as in 2026-01-31 or 2026-01-31T08:00:00Z.`);
  }
  return time;
}
