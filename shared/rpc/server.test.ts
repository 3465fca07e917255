import { createRequire } from "node:module";
import {
  type Client,
  credentials,
  Metadata,
  makeGenericClientConstructor,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { refusal } from "@millrace/errors/refusal.ts";
import { service as healthDefinition } from "grpc-health-check";
import { afterEach, describe, expect, it } from "vitest";
import { refusalOf } from "./call-failure.ts";
import { createRpcClient, deadlineIn } from "./client.ts";
import { statusOf } from "./error-details.ts";
import {
  RunServiceClient,
  type RunServiceServer,
  RunServiceService,
  type StartRunRequest,
  type StartRunResponse,
} from "./generated/millrace/v1/runs.ts";
import { REQUEST_BYTES_MAX } from "./limits.ts";
import { type RpcServer, startRpcServer } from "./server.ts";

const open: { close(): void | Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function serve(handler: RunServiceServer["startRun"]): Promise<{ server: RpcServer; client: RunServiceClient }> {
  const implementation = { startRun: handler };
  const server = await startRpcServer([{ definition: RunServiceService, implementation }], { port: 0 });
  const client = createRpcClient(RunServiceClient, `${server.host}:${server.port}`);
  open.push({ close: () => server.stop(0) }, { close: () => client.close() });
  return { server, client };
}

function request(input: string): StartRunRequest {
  return { workflow: "order-paid", input: Buffer.from(input), idempotencyKey: "", version: 0, wait: false };
}

function startRun(client: RunServiceClient, input: string): Promise<StartRunResponse | ServiceError> {
  return new Promise((resolve) => {
    client.startRun(request(input), new Metadata(), deadlineIn(5_000), (error, response) => resolve(error ?? response));
  });
}

const echo: RunServiceServer["startRun"] = (call, callback) => {
  callback(null, { runId: call.request.input.toString(), repeatedStart: false, end: undefined });
};

/** A client of one of gRPC's own services, made from the definition its library ships. */
function libraryClient(server: RpcServer, service: Parameters<typeof makeGenericClientConstructor>[0]): Client {
  const made = makeGenericClientConstructor(service, "library");
  const client = new made(`${server.host}:${server.port}`, credentials.createInsecure());
  open.push({ close: () => client.close() });
  return client;
}

function checkHealth(server: RpcServer, service: string): Promise<unknown> {
  const check = healthDefinition["Check"];
  if (check === undefined) throw new Error("grpc-health-check ships no Check method.");
  return new Promise((resolve) => {
    libraryClient(server, healthDefinition).makeUnaryRequest(
      check.path,
      check.requestSerialize,
      check.responseDeserialize,
      { service },
      (error: ServiceError | null, response: unknown) => resolve(error === null ? response : error.code),
    );
  });
}

describe("a server", () => {
  it("answers on loopback with what its handler returns", async () => {
    const { server, client } = await serve(echo);
    expect(server.host).toBe("127.0.0.1");
    expect(await startRun(client, `{"ä":"€😀"}`)).toMatchObject({ runId: `{"ä":"€😀"}` });
  });

  it("hands a refusal to the client unchanged", async () => {
    const refused = refusal("SHARD_OVERLOADED", { field: "run_id", message: "10,000 wünsche wait; at most 10,000." });
    const { client } = await serve((_call, callback) => callback(statusOf(refused)));
    const error = await startRun(client, "{}");
    if (!("metadata" in error)) throw new Error("The call was not refused.");
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(refusalOf(error)).toEqual(refused);
  });

  it("takes a request of the largest size and refuses a larger one", async () => {
    const { client } = await serve((call, callback) => {
      callback(null, { runId: String(call.request.input.length), repeatedStart: false, end: undefined });
    });
    const largest = REQUEST_BYTES_MAX - 64;
    expect(await startRun(client, "x".repeat(largest))).toMatchObject({ runId: String(largest) });
    expect(await startRun(client, "x".repeat(REQUEST_BYTES_MAX))).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });

  it("refuses an address that is taken", async () => {
    const { server } = await serve(echo);
    await expect(startRpcServer([], { port: server.port })).rejects.toThrow(/EADDRINUSE|bind/);
  });

  it("reports health for itself and its services, NOT_SERVING from the moment it drains", async () => {
    const { server, client } = await serve(echo);
    expect(await checkHealth(server, "")).toEqual({ status: "SERVING" });
    expect(await checkHealth(server, "millrace.v1.RunService")).toEqual({ status: "SERVING" });
    expect(await checkHealth(server, "millrace.v1.Unknown")).toBe(status.NOT_FOUND);
    server.drain();
    expect(await checkHealth(server, "millrace.v1.RunService")).toEqual({ status: "NOT_SERVING" });
    expect(await startRun(client, "1")).toMatchObject({ runId: "1" });
  });

  it("reports NOT_SERVING when it drained before anyone asked", async () => {
    const { server } = await serve(echo);
    server.drain();
    expect(await checkHealth(server, "")).toEqual({ status: "NOT_SERVING" });
  });

  it("finishes open calls when it stops", async () => {
    const stopped: Promise<void>[] = [];
    const { server, client } = await serve((call, callback) => {
      stopped.push(server.stop(20_000));
      setImmediate(() => echo(call, callback));
    });
    expect(await startRun(client, "late")).toMatchObject({ runId: "late" });
    await Promise.all(stopped);
    expect(await startRun(client, "after")).toMatchObject({ code: status.UNAVAILABLE });
  });

  it("breaks calls that outlast the grace", async () => {
    const stopped: Promise<void>[] = [];
    const { server, client } = await serve(() => {
      setImmediate(() => stopped.push(server.stop(0)));
    });
    expect(await startRun(client, "{}")).toMatchObject({
      code: expect.toBeOneOf([status.UNAVAILABLE, status.CANCELLED]),
    });
    await Promise.all(stopped);
  });
});

describe.each(["v1", "v1alpha"])("reflection %s", (version) => {
  it("lists the API's services", async () => {
    const { server } = await serve(echo);
    const root = createRequire(import.meta.url)
      .resolve("@grpc/reflection")
      .replace(/build[\\/]src[\\/].*$/, "");
    const definition = loadSync(`${root}build/proto/grpc/reflection/${version}/reflection.proto`, {
      oneofs: true,
    });
    const service = definition[`grpc.reflection.${version}.ServerReflection`];
    if (service === undefined || "format" in service) throw new Error("@grpc/reflection ships no service definition.");
    const method = service["ServerReflectionInfo"];
    if (method === undefined) throw new Error("The reflection service has no ServerReflectionInfo.");
    const call = libraryClient(server, service).makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
    );
    const answered = new Promise((resolve, reject) => call.on("data", resolve).on("error", reject));
    call.write({ listServices: "*" });
    expect(JSON.stringify(await answered)).toContain("millrace.v1.RunService");
    call.end();
  });
});
