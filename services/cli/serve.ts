import type { Config } from "@millrace/config/config.ts";
import { createLog } from "@millrace/telemetry/logger.ts";
import { startUp } from "./start-up.ts";
import { untilStopped } from "./until-stopped.ts";

/** Starts a server, says where it listens (for people and for whoever started it), and runs until it is told to stop. */
export async function serve(config: Config): Promise<void> {
  const log = createLog({ service: "millrace", level: config.log.level });
  const server = await startUp(config, log, (count) => log.info("Reading the journal back.", { count }));
  // Before anyone is told: whoever started it may stop it at once.
  const stopped = untilStopped(log, () => server.stop());
  const { grpcAddress, httpAddress } = server.gateway;
  process.stdout.write(
    `Millrace serves gRPC on ${grpcAddress} and HTTP on ${httpAddress}. Data: ${config.storage.folder}\n`,
  );
  await stopped;
}
