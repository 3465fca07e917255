import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { wholeNumber } from "../../whole-number.ts";

type Flags = ClientFlags & { readonly version?: number };

export function getCommand(): Command {
  return clientCommand({
    name: "get",
    summary: "Print a workflow's definition as its author wrote it.",
    examples: ["millrace workflow get hello", "millrace workflow get hello --version 1 > hello-v1.yaml"],
  })
    .argument("<name>", "the workflow's name")
    .option("--version <number>", "a version; the newest without it", wholeNumber)
    .action((name: string, flags: Flags) =>
      withClient(flags, async ({ client, output }) => {
        const { source, version, registerTime, steps, webhookPaths } = await client.getWorkflow(
          name,
          flags.version ?? 0,
        );
        if (output.mode === "json") output.json({ name, version, registerTime, steps, webhookPaths, source });
        else output.line(source.trimEnd());
      }),
    );
}
