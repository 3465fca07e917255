import { Command } from "commander";
import { startCommand } from "./commands/start.ts";

/** The command line, ready to parse. */
export function program(): Command {
  return new Command("millrace")
    .description("A durable workflow engine: start a server, register workflows, start runs and see what they do.")
    .showHelpAfterError("Add --help to see what there is.")
    .addCommand(startCommand());
}
