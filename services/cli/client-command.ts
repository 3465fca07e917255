// What all commands that talk to a server have in common: where it is, for whom, how to print, and how to fail.
import { parseDuration } from "@millrace/core/expression/duration.ts";
import { type Client, createClient } from "@millrace/sdk/client/client.ts";
import { Command, Option } from "commander";
import { parseExactly } from "./exact-json.ts";
import { EXIT } from "./exit-codes.ts";
import { reportFailure, UsageError } from "./failures.ts";
import { Output } from "./terminal/output.ts";

export interface ClientFlags {
  readonly address: string;
  readonly tenant: string;
  readonly timeout: string;
  readonly json?: boolean;
}

export interface CommandHelp {
  readonly name: string;
  readonly summary: string;
  /** Command lines with what each does. */
  readonly examples: readonly string[];
  /** How long it waits for the server's answer by itself. @default "5s" */
  readonly timeout?: string;
}

/** A command with the flags of all clients, and with examples in its help. */
export function clientCommand({ name, summary, examples, timeout = "5s" }: CommandHelp): Command {
  return new Command(name)
    .description(summary)
    .addOption(
      new Option("--address <host:port>", "the server's gRPC address")
        .env("MILLRACE_ADDRESS")
        .default("127.0.0.1:7400"),
    )
    .addOption(
      new Option("--tenant <name>", "the customer that runs belong to").env("MILLRACE_TENANT").default("default"),
    )
    .option("--timeout <duration>", "how long to wait for the server's answer", timeout)
    .option("--json", "print JSON lines")
    .addHelpText("after", exampleText(examples));
}

export function exampleText(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map((example) => `  ${example}\n`).join("")}`;
}

/** What a command works with. */
export interface ClientWork {
  readonly client: Client;
  readonly output: Output;
  /** Of `--timeout`. */
  readonly timeoutMs: number;
}

/** Runs a command's work against the server its flags name, and sets the exit status. */
export async function withClient(
  flags: ClientFlags,
  work: (parts: ClientWork) => Promise<number | void>,
): Promise<void> {
  const { address, tenant, json = false } = flags;
  const timeoutMs = parseDuration(flags.timeout) ?? 0;
  try {
    if (timeoutMs <= 0) throw new UsageError(`--timeout is ${flags.timeout}; write a duration with its unit: 5s, 2m.`);
    if (!/^.+:\d{1,5}$/.test(address))
      throw new UsageError(`--address is ${address}; write host:port, 127.0.0.1:7400.`);
  } catch (thrown: unknown) {
    process.exitCode = reportFailure(thrown, { address, timeoutMs, json });
    return;
  }
  const client = createClient({ address, tenant, timeoutMs, parsePayload: parseExactly });
  try {
    process.exitCode = (await work({ client, output: new Output({ json }), timeoutMs })) ?? EXIT.done;
  } catch (thrown: unknown) {
    process.exitCode = reportFailure(thrown, { address, timeoutMs, json });
  } finally {
    client.close();
  }
}
