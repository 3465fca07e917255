import type { Config } from "@millrace/config/config.ts";
import { createLog, type Log } from "@millrace/telemetry/logger.ts";
import { EXIT } from "./exit-codes.ts";
import { joinUp, startUp } from "./start-up.ts";
import { untilStopped } from "./until-stopped.ts";

/** Starts a server, says where it listens (for people and for whoever started it), and runs until it is told to stop. */
export async function serve(config: Config): Promise<void> {
  const log = createLog({ service: "millrace", level: config.log.level });
  await (config.nats.servers.length === 0 ? serveAlone(config, log) : serveInCluster(config, log));
}

async function serveAlone(config: Config, log: Log): Promise<void> {
  const server = await startUp(config, log, (count) => log.info("Reading the journal back.", { count }));
  // Before anyone is told: whoever started it may stop it at once.
  const stopped = untilStopped(log, () => server.stop());
  const { grpcAddress, httpAddress } = server.gateway;
  process.stdout.write(
    `Millrace serves gRPC on ${grpcAddress} and HTTP on ${httpAddress}. Data: ${config.storage.folder}\n`,
  );
  await stopped;
}

async function serveInCluster(config: Config, log: Log): Promise<void> {
  const { name, roles } = config.cluster;
  const server = await joinUp(config, log);
  const stopped = untilStopped(log, () => server.stop());
  void server.ended.then(async (reason) => {
    log.error("This process cannot be one of the cluster any more.", { error: reason });
    await server.stop();
    process.exit(EXIT.failed);
  });
  const { gateway } = server;
  const where =
    gateway === null ? "" : ` serves gRPC on ${gateway.grpcAddress} and HTTP on ${gateway.httpAddress}, and`;
  process.stdout.write(
    `Millrace${where} is in the cluster ${config.nats.prefix} as ${name}: ${roles.join(", ")}. Data: ${config.storage.folder}\n`,
  );
  await stopped;
}
