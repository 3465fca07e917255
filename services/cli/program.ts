import { Command } from "commander";
import { exampleText } from "./client-command.ts";
import { clusterCommands } from "./commands/cluster/cluster.ts";
import { demoCommand } from "./commands/demo.ts";
import { runCommands } from "./commands/run/run.ts";
import { startCommand } from "./commands/start.ts";
import { workflowCommands } from "./commands/workflow/workflow.ts";
import { EXIT } from "./exit-codes.ts";

const EXITS = `
Exit status:
  0  done; a run that was waited for completed
  1  the run or the drain did not complete, the definition has problems, or the server could not start
  2  the command line, a file or an input is wrong
  3  the server refused
  4  no server answered in time, or it asks for patience: try again
`;

/** The command line, ready to parse. */
export function program(): Command {
  const millrace = new Command("millrace")
    .description("A durable workflow engine: start a server, register workflows, start runs and see what they do.")
    .addCommand(startCommand())
    .addCommand(demoCommand())
    .addCommand(workflowCommands())
    .addCommand(runCommands())
    .addCommand(clusterCommands())
    .addHelpText(
      "after",
      exampleText([
        "millrace start                                   # a server with its data in ./data",
        "millrace workflow register hello/workflow.yaml",
        `millrace run start hello --input '{"name": "Ada"}' --wait`,
        "millrace run list",
      ]) + EXITS,
    );
  settle(millrace);
  return millrace;
}

/** Settings that commands do not inherit: what wrong usage ends with, and how it is told. */
function settle(command: Command): void {
  command.showHelpAfterError("next: add --help to see how it is used.");
  command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? EXIT.done : EXIT.usage));
  for (const child of command.commands) settle(child);
}
