import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { payloadLines } from "../../terminal/payload-lines.ts";
import { runLine } from "../../terminal/timeline-table.ts";

export function getCommand(): Command {
  return clientCommand({
    name: "get",
    summary: "Show a run: its status, input, output and failure.",
    examples: ["millrace run get 0d5kqz3v9m2h7xw4c1bt", "millrace run get 0d5kqz3v9m2h7xw4c1bt --json | jq .output"],
  })
    .argument("<run>", "the run's ID")
    .action((runId: string, flags: ClientFlags) =>
      withClient(flags, async ({ client, output }) => {
        const run = await client.getRun(runId);
        const { colours, columns } = output;
        const lines = [
          runLine(run, { colours, columns, nowMs: Date.now() }),
          `${colours.dim("steps   ")} ${run.stepsSettled} of ${run.stepsTotal} settled`,
          ...payloadLines(run, colours),
        ];
        if (run.failure !== undefined) {
          const { code, message, guidance } = run.failure;
          lines.push(`${colours.dim("error   ")} ${run.failedStep}: ${colours.red(code)} ${message}`);
          if (guidance !== "") lines.push(`${colours.dim("next    ")} ${guidance}`);
        }
        output.result({
          terminal: lines.join("\n"),
          plain: [run.runId, `${run.workflow} v${run.version}`, run.status, JSON.stringify(run.output ?? null)],
          json: run,
        });
      }),
    );
}
