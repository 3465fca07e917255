import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { readJson } from "../../json-input.ts";

type Flags = ClientFlags & { readonly payload?: string; readonly requestId?: string };

export function signalCommand(): Command {
  return clientCommand({
    name: "signal",
    summary: "Hand a signal to a run. One that comes before a step waits for it is kept.",
    examples: [
      `millrace run signal 0d5kqz3v9m2h7xw4c1bt approved --payload '{"ok": true, "by": "Ada"}'`,
      "millrace run signal 0d5kqz3v9m2h7xw4c1bt approved --payload @decision.json",
    ],
  })
    .argument("<run>", "the run's ID")
    .argument("<name>", "the signal's name, as the workflow waits for it")
    .option("--payload <json>", "what it says: JSON, @file, or - for standard input")
    .option("--request-id <text>", "repeated signals with it count once")
    .action((runId: string, name: string, flags: Flags) =>
      withClient(flags, async ({ client, output }) => {
        const payload = flags.payload === undefined ? undefined : await readJson("--payload", flags.payload);
        const { repeated } = await client.signalRun(runId, name, payload, flags.requestId);
        output.result({
          terminal: repeated ? `Run ${runId} has had this signal before.` : `Run ${runId} has the signal ${name}.`,
          plain: [runId, name, repeated ? "repeated" : "accepted"],
          json: { runId, name, repeated },
        });
      }),
    );
}
