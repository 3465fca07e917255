import { Command } from "commander";
import { exampleText } from "../client-command.ts";
import { EXIT } from "../exit-codes.ts";
import { type ServerFlags, serverConfig } from "../server-config.ts";
import { StartFailed } from "../start-up.ts";

export function startCommand(): Command {
  return new Command("start")
    .description("Start a server: API, webhooks, shards and the built-in http worker in one process.")
    .option("--config <file>", "configuration, YAML or JSON; MILLRACE_… in the environment and flags go before it")
    .option("--host <address>", "where to listen; only loopback is safe, since nothing authenticates callers yet")
    .option("--grpc-port <port>", "gRPC API, default 7400; 0 takes any free port")
    .option("--http-port <port>", "HTTP API, webhooks and metrics, default 7401; 0 takes any free port")
    .option("--data <folder>", "where everything durable is kept, default ./data")
    .option("--shards <count>", "shards of a new data folder, default 1")
    .option("--retention <duration>", "how long ended runs are kept, default 7d")
    .option(
      "--http-allow <addresses...>",
      "private addresses that http steps may call: 127.0.0.1:9000 (without a port: all of them), 10.0.0.0/8",
    )
    .option("--log-level <level>", "debug, info, warn, error or silent")
    .addHelpText(
      "after",
      exampleText([
        "millrace start",
        "millrace start --data ./data --http-allow 127.0.0.1:9000",
        "MILLRACE_GATEWAY_GRPC_PORT=7500 millrace start --http-port 7501",
      ]),
    )
    .action(async (flags: ServerFlags) => {
      const config = await serverConfig(flags);
      if (config === undefined) {
        process.exitCode = EXIT.usage;
        return;
      }
      const { serve } = await import("../serve.ts");
      try {
        await serve(config);
      } catch (error: unknown) {
        if (!(error instanceof StartFailed)) throw error;
        process.stderr.write(`error: ${error.message}\n`);
        // Parts that started before the failure would keep the process alive.
        process.exit(EXIT.failed);
      }
    });
}
