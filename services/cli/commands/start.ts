import { readFile } from "node:fs/promises";
import type { Config } from "@millrace/config/config.ts";
import { readConfig } from "@millrace/config/config.ts";
import { createLog } from "@millrace/telemetry/logger.ts";
import { Command } from "commander";
import { startServer } from "../compose.ts";
import { untilStopped } from "../until-stopped.ts";

/** Flags by the option they set. */
const FLAGS = {
  host: "gateway.host",
  grpcPort: "gateway.grpcPort",
  httpPort: "gateway.httpPort",
  data: "storage.folder",
  shards: "storage.shards",
  retention: "storage.retention",
  logLevel: "log.level",
} as const;

type FlagValues = { readonly [Flag in keyof typeof FLAGS]?: string } & {
  readonly config?: string;
  readonly httpAllow?: readonly string[];
};

export function startCommand(): Command {
  return new Command("start")
    .description("Start a server: API, webhooks, shards and the built-in http worker in one process.")
    .option("--config <file>", "configuration, YAML or JSON (docs/configuration.md)")
    .option("--host <address>", "where to listen; only loopback is safe, since nothing authenticates callers yet")
    .option("--grpc-port <port>", "gRPC API, default 7400; 0 takes any free port")
    .option("--http-port <port>", "HTTP API, webhooks and metrics, default 7401; 0 takes any free port")
    .option("--data <folder>", "where everything durable is kept, default ./data")
    .option("--shards <count>", "shards of a new data folder, default 1")
    .option("--retention <duration>", "how long ended runs are kept, default 7d")
    .option("--http-allow <addresses...>", "private addresses that http steps may call")
    .option("--log-level <level>", "debug, info, warn, error or silent")
    .addHelpText("after", "\nExample:\n  millrace start --data ./data --http-allow 127.0.0.1\n")
    .action(async (flags: FlagValues) => {
      const config = await configOf(flags);
      if (config !== undefined) await serve(config);
    });
}

/** Starts a server, says where it listens (for people and for whoever started it), and runs until it is told to stop. */
async function serve(config: Config): Promise<void> {
  const log = createLog({ service: "millrace", level: config.log.level });
  const server = await startServer({ config, log, progress: () => undefined });
  const { grpcAddress, httpAddress } = server.gateway;
  process.stdout.write(`Millrace serves gRPC on ${grpcAddress} and HTTP on ${httpAddress}. Data: ${config.storage.folder}\n`);
  await untilStopped(log, () => server.stop());
}

/** The configuration from file, environment and flags; undefined after telling what is wrong with it. */
export async function configOf(flags: FlagValues): Promise<Config | undefined> {
  const given: Record<string, string> = {};
  for (const [flag, option] of Object.entries(FLAGS)) {
    const value = Object.entries(flags).find(([name]) => name === flag)?.[1];
    if (typeof value === "string") given[option] = value;
  }
  if (flags.httpAllow !== undefined) given["connectors.httpAllow"] = flags.httpAllow.join(",");
  const file = flags.config === undefined ? null : { name: flags.config, text: await readFile(flags.config, "utf8") };
  const outcome = readConfig({ file, environment: process.env, flags: given });
  if (outcome.type === "config") return outcome.config;
  for (const problem of outcome.problems) process.stderr.write(`${problem.message}\n`);
  process.exitCode = 2;
  return undefined;
}
