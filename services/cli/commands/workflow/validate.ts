import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { EXIT } from "../../exit-codes.ts";
import { readSource } from "../../json-input.ts";
import { printProblems } from "./problems.ts";

export function validateCommand(): Command {
  return clientCommand({
    name: "validate",
    summary: "Check a definition and change nothing. Prints every problem with its line, and exits 1 if there is one.",
    examples: ["millrace workflow validate hello/workflow.yaml"],
  })
    .argument("<file>", "the definition, YAML or JSON; - for standard input")
    .action((file: string, flags: ClientFlags) =>
      withClient(flags, async ({ client, output }) => {
        const problems = await client.validateWorkflow(await readSource(file));
        printProblems(output, file, problems);
        if (problems.length > 0) return EXIT.failed;
        if (output.mode === "terminal") output.line(`${file} can be registered.`);
        return EXIT.done;
      }),
    );
}
