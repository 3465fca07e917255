import { Command } from "commander";
import { cancelCommand } from "./cancel.ts";
import { getCommand } from "./get.ts";
import { itemsCommand } from "./items.ts";
import { listCommand } from "./list.ts";
import { pauseCommand } from "./pause.ts";
import { resumeCommand } from "./resume.ts";
import { retryCommand } from "./retry.ts";
import { signalCommand } from "./signal.ts";
import { startCommand } from "./start.ts";
import { terminateCommand } from "./terminate.ts";
import { timelineCommand } from "./timeline.ts";
import { watchCommand } from "./watch.ts";

export function runCommands(): Command {
  return new Command("run")
    .description("Start, see and steer runs.")
    .addCommand(startCommand())
    .addCommand(listCommand())
    .addCommand(getCommand())
    .addCommand(timelineCommand())
    .addCommand(itemsCommand())
    .addCommand(watchCommand())
    .addCommand(signalCommand())
    .addCommand(cancelCommand())
    .addCommand(terminateCommand())
    .addCommand(pauseCommand())
    .addCommand(resumeCommand())
    .addCommand(retryCommand());
}
