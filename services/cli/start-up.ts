// Starting the embedded server for a person: what stands in the way is told with what to change.
import { createServer } from "node:net";
import type { Config } from "@millrace/config/config.ts";
import { JournalLocked } from "@millrace/journal/journal.ts";
import { NatsProblem } from "@millrace/nats/problem.ts";
import type { Log } from "@millrace/telemetry/logger.ts";
import { StartRefused } from "./cluster/cluster-parts.ts";
import type { ClusterServer } from "./cluster/compose-cluster.ts";
import type { Server } from "./compose.ts";
import { DataDamaged } from "./data-damaged.ts";
import { LayoutMismatch } from "./layout.ts";

/** The server cannot start; the message says why and what to change. */
export class StartFailed extends Error {
  override readonly name = "StartFailed";
}

/** Between two signs of life of a long recovery. */
const PROGRESS_EVERY_MS = 1_000;

/**
 * Starts the server; once a second of a long recovery `tell` hears how many records were read back so far. Rejects with
 * {@link StartFailed}.
 */
export async function startUp(config: Config, log: Log, tell: (records: number) => void): Promise<Server> {
  await assertPortsFree(config);
  // Everything a server is made of takes long to load: other commands do without, and wrong ports are told first.
  const { startServer } = await import("./compose.ts");
  let toldMs = performance.now();
  const progress = (records: number): void => {
    if (performance.now() - toldMs < PROGRESS_EVERY_MS) return;
    toldMs = performance.now();
    tell(records);
  };
  try {
    return await startServer({ config, log, progress });
  } catch (error: unknown) {
    throw explained(error, config.storage.folder);
  }
}

/** Joins the cluster that `nats.servers` names. Rejects with {@link StartFailed}. */
export async function joinUp(config: Config, log: Log): Promise<ClusterServer> {
  if (config.cluster.roles.includes("gateway")) await assertPortsFree(config);
  const { startClustered } = await import("./cluster/compose-cluster.ts");
  try {
    return await startClustered(config, log);
  } catch (error: unknown) {
    if (error instanceof NatsProblem || error instanceof StartRefused) throw new StartFailed(error.message);
    throw explained(error, config.storage.folder);
  }
}

/** Rejects with {@link StartFailed} if the server cannot listen where it should. */
export async function assertPortsFree({ gateway: { host, grpcPort, httpPort } }: Config): Promise<void> {
  await assertFree({ host, port: grpcPort, what: "gRPC", flag: "--grpc-port", variable: "MILLRACE_GATEWAY_GRPC_PORT" });
  await assertFree({ host, port: httpPort, what: "HTTP", flag: "--http-port", variable: "MILLRACE_GATEWAY_HTTP_PORT" });
}

/** Where to listen, and how to say it otherwise. */
export interface Wanted {
  readonly host: string;
  /** 0 is always free. */
  readonly port: number;
  readonly what: string;
  readonly flag: string;
  readonly variable: string;
}

/** Rejects with {@link StartFailed} if nobody can listen there now. */
export async function assertFree({ host, port, what, flag, variable }: Wanted): Promise<void> {
  const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const probe = createServer();
    probe.once("error", resolve);
    probe.listen(port, host, () => probe.close(() => resolve(undefined)));
  });
  if (failure === undefined) return;
  if (failure.code === "EADDRINUSE") {
    throw new StartFailed(
      `Port ${port} of ${host}, wanted for ${what}, is in use: another Millrace may be running. Stop what uses it, or take another port with ${flag} or ${variable}.`,
    );
  }
  throw new StartFailed(
    `Millrace cannot listen on ${host}:${port} for ${what}: ${failure.message}. Change the address with --host or the port with ${flag}.`,
  );
}

function explained(error: unknown, folder: string): unknown {
  if (error instanceof LayoutMismatch || error instanceof DataDamaged) return new StartFailed(error.message);
  if (error instanceof JournalLocked) {
    return new StartFailed(
      `The data in ${folder} is in use by another process: another Millrace is running. Stop it, or use another folder with --data or MILLRACE_STORAGE_FOLDER.`,
    );
  }
  if (error instanceof Error && "syscall" in error) {
    return new StartFailed(
      `Millrace cannot use ${folder} for its data: ${error.message}. Mend that, or use another folder with --data or MILLRACE_STORAGE_FOLDER.`,
    );
  }
  return error;
}
