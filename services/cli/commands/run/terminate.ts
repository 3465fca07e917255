import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { printDone } from "./done.ts";

type Flags = ClientFlags & { readonly reason?: string };

export function terminateCommand(): Command {
  return clientCommand({
    name: "terminate",
    summary: "End a run at once, waiting for nobody. Prefer cancel: it lets workers finish what they hold.",
    examples: [`millrace run terminate 0d5kqz3v9m2h7xw4c1bt --reason "stuck worker"`],
  })
    .argument("<run>", "the run's ID")
    .option("--reason <text>", "shown with the run")
    .action((runId: string, flags: Flags) =>
      withClient(flags, async ({ client, output }) => {
        await client.terminateRun(runId, flags.reason);
        printDone(output, runId, "terminated");
      }),
    );
}
