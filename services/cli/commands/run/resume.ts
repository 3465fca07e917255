import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { printDone } from "./done.ts";

export function resumeCommand(): Command {
  return clientCommand({
    name: "resume",
    summary: "Let a paused run go on.",
    examples: ["millrace run resume 0d5kqz3v9m2h7xw4c1bt"],
  })
    .argument("<run>", "the run's ID")
    .action((runId: string, flags: ClientFlags) =>
      withClient(flags, async ({ client, output }) => {
        await client.resumeRun(runId);
        printDone(output, runId, "running");
      }),
    );
}
