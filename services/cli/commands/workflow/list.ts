import type { Workflow } from "@millrace/rpc/generated/millrace/v1/workflows.ts";
import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { shownTime } from "../../terminal/durations.ts";

export function listCommand(): Command {
  return clientCommand({
    name: "list",
    summary: "List the newest version of every workflow, by name.",
    examples: ["millrace workflow list", "millrace workflow list --json"],
  }).action((flags: ClientFlags) =>
    withClient(flags, async ({ client, output }) => {
      const workflows: Workflow[] = [];
      for await (const workflow of client.listWorkflows()) workflows.push(workflow);
      if (output.mode === "json") {
        for (const { name, version, registerTime, steps, webhookPaths } of workflows) {
          output.json({ name, version, registerTime, steps, webhookPaths });
        }
        return;
      }
      if (workflows.length === 0 && output.mode === "terminal") {
        output.line("No workflow is registered. Add one: millrace workflow register <file>");
        return;
      }
      output.table(
        ["NAME", "VERSION", "REGISTERED", "STEPS", "WEBHOOKS"],
        workflows.map(({ name, version, registerTime, steps, webhookPaths }) => [
          name,
          version,
          registerTime === undefined
            ? ""
            : output.mode === "plain"
              ? registerTime.toISOString()
              : shownTime(registerTime),
          steps.length,
          webhookPaths.map((path) => `/webhooks/${path}`).join(" "),
        ]),
      );
    }),
  );
}
