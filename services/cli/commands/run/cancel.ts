import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { printDone } from "./done.ts";

type Flags = ClientFlags & { readonly reason?: string };

export function cancelCommand(): Command {
  return clientCommand({
    name: "cancel",
    summary:
      "Ask a run to stop: no step begins any more, and it ends when its workers have answered, 30 s later at most.",
    examples: [`millrace run cancel 0d5kqz3v9m2h7xw4c1bt --reason "ordered twice"`],
  })
    .argument("<run>", "the run's ID")
    .option("--reason <text>", "shown with the run")
    .action((runId: string, flags: Flags) =>
      withClient(flags, async ({ client, output }) => {
        await client.cancelRun(runId, flags.reason);
        printDone(output, runId, "cancelling");
      }),
    );
}
