import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";

type Flags = ClientFlags & { readonly requestId?: string };

export function retryCommand(): Command {
  return clientCommand({
    name: "retry",
    summary: "Run again what did not complete in a run that ended; what completed keeps its results.",
    examples: [
      "millrace run retry 0d5kqz3v9m2h7xw4c1bt",
      "millrace run list --status failed | cut -f1 | xargs -n1 millrace run retry",
    ],
  })
    .argument("<run>", "the run's ID")
    .option("--request-id <text>", "repeated retries with it count once")
    .action((runId: string, flags: Flags) =>
      withClient(flags, async ({ client, output }) => {
        const { epoch, repeated } = await client.retryRun(runId, flags.requestId);
        output.result({
          terminal: `Run ${runId} goes on in epoch ${epoch}. Follow it with: millrace run watch ${runId}`,
          plain: [runId, epoch, repeated ? "repeated" : "accepted"],
          json: { runId, epoch, repeated },
        });
      }),
    );
}
