import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { printDone } from "./done.ts";

type Flags = ClientFlags & { readonly reason?: string };

export function pauseCommand(): Command {
  return clientCommand({
    name: "pause",
    summary: "Let no step of a run begin until it is resumed. What is under way finishes and is recorded.",
    examples: ["millrace run pause 0d5kqz3v9m2h7xw4c1bt", "millrace run resume 0d5kqz3v9m2h7xw4c1bt"],
  })
    .argument("<run>", "the run's ID")
    .option("--reason <text>", "shown with the run")
    .action((runId: string, flags: Flags) =>
      withClient(flags, async ({ client, output }) => {
        await client.pauseRun(runId, flags.reason);
        printDone(output, runId, "paused");
      }),
    );
}
