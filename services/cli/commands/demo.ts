import { Command, Option } from "commander";
import { exampleText } from "../client-command.ts";
import { EXIT } from "../exit-codes.ts";
import { type ServerFlags, serverConfig } from "../server-config.ts";
import { StartFailed } from "../start-up.ts";
import { wholeNumber } from "../whole-number.ts";

type Flags = ServerFlags & { readonly servicePort: number; readonly webhooks: number };

export function demoCommand(): Command {
  return new Command("demo")
    .description("Start a server with the examples on it, send them real webhooks, show a run, and keep serving.")
    .option("--data <folder>", "where everything durable is kept, default ./data")
    .option("--grpc-port <port>", "gRPC API, default 7400; 0 takes any free port")
    .option("--http-port <port>", "HTTP API and webhooks, default 7401; 0 takes any free port")
    .addOption(
      new Option("--service-port <port>", "where the service listens that the examples call")
        .env("MILLRACE_DEMO_SERVICE_PORT")
        .default(7402)
        .argParser(wholeNumber),
    )
    .option("--webhooks <count>", "how many webhooks are sent at the start", wholeNumber, 6)
    .addHelpText(
      "after",
      exampleText(["millrace demo", "millrace demo --data ./other --grpc-port 7500 --http-port 7501"]),
    )
    .action(async (flags: Flags) => {
      // The demo prints for people; what needs attention still shows.
      const quiet = process.env["MILLRACE_LOG_LEVEL"] === undefined ? { logLevel: "warn" } : {};
      const config = await serverConfig({ ...quiet, ...flags });
      if (config === undefined) {
        process.exitCode = EXIT.usage;
        return;
      }
      const { demo } = await import("../demo/demo.ts");
      try {
        await demo({ config, servicePort: flags.servicePort, webhooks: flags.webhooks });
      } catch (error: unknown) {
        const told = error instanceof StartFailed ? error.message : `The demo broke off: ${String(error)}`;
        process.stderr.write(`error: ${told}\n`);
        process.exit(EXIT.failed);
      }
    });
}
