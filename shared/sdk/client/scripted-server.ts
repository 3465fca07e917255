// A real gRPC server whose handlers a test writes, and a client of it.
import { Server, ServerCredentials, status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { ClusterServiceService } from "@millrace/rpc/generated/millrace/v1/cluster_service.ts";
import { RunServiceService } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { WorkflowServiceService } from "@millrace/rpc/generated/millrace/v1/workflows.ts";
import { type Client, createClient } from "./client.ts";
import { MillraceError } from "./millrace-error.ts";

export interface Served extends AsyncDisposable {
  readonly client: Client;
  readonly address: string;
}

export async function serve(
  runs: UntypedServiceImplementation,
  workflows: UntypedServiceImplementation = {},
  cluster: UntypedServiceImplementation = {},
): Promise<Served> {
  const server = new Server();
  server.addService(RunServiceService, runs);
  server.addService(WorkflowServiceService, workflows);
  server.addService(ClusterServiceService, cluster);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const address = `127.0.0.1:${port}`;
  const client = createClient({ address, tenant: "acme", timeoutMs: 5_000 });
  return {
    client,
    address,
    [Symbol.asyncDispose]: async () => {
      client.close();
      server.forceShutdown();
    },
  };
}

export const lost = { code: status.UNAVAILABLE, details: "the connection broke" };

export async function errorFrom(promise: Promise<unknown>): Promise<MillraceError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof MillraceError) return error;
  throw new Error("There was no MillraceError.", { cause: error });
}
