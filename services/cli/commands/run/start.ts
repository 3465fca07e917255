import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { readJson } from "../../json-input.ts";
import { wholeNumber } from "../../whole-number.ts";
import { followToEnd } from "./follow.ts";

type Flags = ClientFlags & {
  readonly input?: string;
  readonly key?: string;
  readonly version?: number;
  readonly wait?: boolean;
};

export function startCommand(): Command {
  return clientCommand({
    name: "start",
    summary: "Start a run. It is durable when the command returns; in a pipe it prints the run's ID and nothing else.",
    examples: [
      `millrace run start hello --input '{"name": "Ada"}'`,
      "millrace run start hello --input @order.json --key order-1017     # the same key starts one run only",
      "millrace run start hello --wait                                   # exits 0 only if the run completes",
    ],
  })
    .argument("<workflow>", "the workflow's name")
    .option("--input <json>", "the run's input: JSON, @file, or - for standard input")
    .option("--key <text>", "idempotency key: repeated starts with it return the first run, for 7 days at least")
    .option("--version <number>", "a version of the workflow; the newest without it", wholeNumber)
    .option("--wait", "wait for the end and print it")
    .action((workflow: string, flags: Flags) =>
      withClient(flags, async ({ client, output }) => {
        const { key, version = 0 } = flags;
        const input = flags.input === undefined ? undefined : await readJson("--input", flags.input);
        const started = await client.startRun({
          workflow,
          input,
          version,
          ...(key === undefined ? {} : { idempotencyKey: key }),
        });
        const { runId, repeated } = started;
        if (flags.wait === true) return followToEnd(client, output, runId);
        const what = repeated ? "was started before with this key" : "started";
        output.result({
          terminal: `Run ${output.colours.bold(runId)} ${what}. See it with: millrace run timeline ${runId}`,
          plain: [runId],
          json: started,
        });
        return undefined;
      }),
    );
}
