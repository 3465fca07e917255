import { Command } from "commander";
import { getCommand } from "./get.ts";
import { listCommand } from "./list.ts";
import { registerCommand } from "./register.ts";
import { validateCommand } from "./validate.ts";

export function workflowCommands(): Command {
  return new Command("workflow")
    .description("Register workflows and look at them.")
    .addCommand(registerCommand())
    .addCommand(validateCommand())
    .addCommand(listCommand())
    .addCommand(getCommand());
}
