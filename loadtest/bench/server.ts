// Starts the processes a figure needs: the server as users start it, and the bench's worker.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createRpcClient } from "@millrace/rpc/client.ts";
import { WorkflowServiceClient } from "@millrace/rpc/generated/millrace/v1/workflows.ts";
import { type StartedProcess, startNode } from "@millrace/testing/process.ts";

export const CLI = fileURLToPath(new URL("../../services/cli/main.ts", import.meta.url));
export const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));
const WORKFLOWS = ["standard", "fan-out", "waiting"] as const;

export interface BenchServer {
  readonly process: StartedProcess;
  readonly worker: StartedProcess;
  readonly address: string;
  readonly httpAddress: string;
  readonly folder: string;
  stop(): Promise<void>;
}

/** A server with its data in a new folder below `home`, the bench's workflows registered, and one worker connected. */
export async function startBenchServer(home: string, flags: readonly string[] = []): Promise<BenchServer> {
  const folder = await mkdtemp(join(home, "millrace-bench-"));
  const server = await startServerProcess(folder, flags);
  await register(server.address);
  const worker = await startNode(WORKER, [server.address]);
  await worker.waitForLine(/is connected/);
  return {
    ...server,
    worker,
    folder,
    stop: async () => {
      await worker.kill("SIGTERM");
      await server.process.kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The server alone, on a folder that may hold runs already. */
export async function startServerProcess(folder: string, flags: readonly string[] = []) {
  const args = ["start", "--data", folder, "--grpc-port", "0", "--http-port", "0", "--log-level", "warn", ...flags];
  const process = await startNode(CLI, args);
  const { groups } = await process.waitForLine(/gRPC on (?<grpc>\S+) and HTTP on (?<http>\S+)\./);
  return { process, address: groups?.["grpc"] ?? "", httpAddress: groups?.["http"] ?? "" };
}

/** Registers the workflows of the bench. */
export async function register(address: string): Promise<void> {
  const client = createRpcClient(WorkflowServiceClient, address);
  for (const name of WORKFLOWS) {
    const source = await readFile(new URL(`workflows/${name}.yaml`, import.meta.url), "utf8");
    await new Promise<void>((resolve, reject) => {
      client.registerWorkflow({ source }, (error) => (error === null ? resolve() : reject(error)));
    });
  }
  client.close();
}
