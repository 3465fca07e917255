import { MillraceError } from "@millrace/sdk/client/millrace-error.ts";
import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { EXIT } from "../../exit-codes.ts";
import { readSource } from "../../json-input.ts";
import { printProblems } from "./problems.ts";

export function registerCommand(): Command {
  return clientCommand({
    name: "register",
    summary: "Check a definition and add it as the next version of its workflow. The same again adds nothing.",
    examples: ["millrace workflow register hello/workflow.yaml", "generate-workflow | millrace workflow register -"],
  })
    .argument("<file>", "the definition, YAML or JSON; - for standard input")
    .action((file: string, flags: ClientFlags) =>
      withClient(flags, async ({ client, output }) => {
        const source = await readSource(file);
        try {
          const { workflow, created } = await client.registerWorkflow(source);
          const { name, version, webhookPaths } = workflow;
          const paths = webhookPaths.map((path) => ` Webhook: /webhooks/${path}`).join("");
          output.result({
            terminal: `${name} v${version} ${created ? "registered" : "was registered already"}.${paths}`,
            plain: [name, version, created ? "created" : "unchanged"],
            json: { name, version, created, webhookPaths },
          });
          return EXIT.done;
        } catch (thrown: unknown) {
          if (!(thrown instanceof MillraceError) || thrown.reason !== "WORKFLOW_INVALID") throw thrown;
          // The refusal's details hold what fits into a trailer; this answer has every problem with its place.
          printProblems(output, file, await client.validateWorkflow(source));
          return EXIT.refused;
        }
      }),
    );
}
