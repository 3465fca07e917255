// The API from Python, which has only the protos, gRPC's own packages, and for HTTP its standard library.
import { join } from "node:path";
import { ROOT } from "@millrace/testing/repository.ts";
import { type TempFolder, tempFolder } from "@millrace/testing/temp-folder.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiServer } from "./api-server.ts";
import { INSTALL_MS, installPython, runPython } from "./python.ts";

const CALLS = join(ROOT, "services/cli/e2e/python/api_calls.py");
const SERVICES = ["millrace.v1.RunService", "millrace.v1.WorkerService", "millrace.v1.WorkflowService"];

let folder: TempFolder;
let server: ApiServer;

beforeAll(async () => {
  await installPython();
  folder = await tempFolder();
  server = await ApiServer.start(join(folder.path, "data"));
  await server.register("name: counted\nsteps: { add: { uses: transform, with: { next: '${input + 1}' } } }\n");
  await server.register("name: waits\nsteps: { signal: { uses: signal, with: { name: go } } }\n");
}, INSTALL_MS);

afterAll(async () => {
  await server.kill();
  await folder[Symbol.asyncDispose]();
});

/** What a function of api_calls.py made of the server's gRPC API. */
function called(what: string): Promise<unknown> {
  return runPython(CALLS, [what, server.grpc]);
}

test("StartRuns starts 1,000 runs once, however often it is called, and answers each start by itself", async () => {
  expect(await called("batch")).toEqual({
    started: 1000,
    refs: true,
    repeated: 1000,
    same: true,
    refused: expect.objectContaining({ code: 5, reason: "WORKFLOW_NOT_FOUND" }),
    completed: 1000,
    output: { add: { next: 8 } },
  });
});

test("reflection describes the services with all they depend on, in both of its versions", async () => {
  const reflection = expect.objectContaining({
    services: expect.arrayContaining(SERVICES),
    files: [
      ["millrace/v1/failures.proto", "millrace/v1/workers.proto"],
      ["google/protobuf/timestamp.proto", "millrace/v1/failures.proto", "millrace/v1/runs.proto"],
    ],
    unknown: true,
  });
  expect(await called("reflection")).toEqual({
    v1: reflection,
    v1alpha: reflection,
    called: ["counted", "waits"],
  });
});

test("health is told for the server and for each service", async () => {
  expect(await called("health")).toEqual({
    "": "SERVING",
    ...Object.fromEntries(SERVICES.map((name) => [name, "SERVING"])),
    nothing: "NOT_FOUND",
  });
});

test("refusals carry google.rpc details that Python reads", async () => {
  const info = (reason: string): unknown => expect.objectContaining({ reason, domain: "millrace" });
  expect(await called("refusals")).toMatchObject({
    workflow: {
      status: "INVALID_ARGUMENT",
      ErrorInfo: info("WORKFLOW_INVALID"),
      BadRequest: { fieldViolations: expect.arrayContaining([expect.objectContaining({ field: "name" })]) },
      explained: expect.stringContaining('"fieldViolations"'),
    },
    field: { status: "INVALID_ARGUMENT", BadRequest: { fieldViolations: [{ field: "run_id" }] } },
    run: { status: "NOT_FOUND", ErrorInfo: info("RUN_NOT_FOUND") },
    start: { status: "NOT_FOUND", ErrorInfo: info("WORKFLOW_NOT_FOUND") },
    key: { status: "ALREADY_EXISTS", ErrorInfo: info("IDEMPOTENCY_KEY_REUSED") },
    state: {
      status: "FAILED_PRECONDITION",
      ErrorInfo: info("RUN_NOT_PAUSED"),
      PreconditionFailure: { violations: [{ type: "RUN_NOT_PAUSED" }] },
    },
    full: {
      status: "RESOURCE_EXHAUSTED",
      ErrorInfo: info("SIGNAL_BUFFER_FULL"),
      QuotaFailure: { violations: [{ subject: "SIGNAL_BUFFER_FULL" }] },
      RetryInfo: { retryDelay: expect.stringMatching(/^[\d.]+s$/) },
    },
  });
});

test("a wait for a run's end stops at the call's deadline, and the run goes on", async () => {
  expect(await called("deadline")).toEqual({
    code: "DEADLINE_EXCEEDED",
    repeated: true,
    meanwhile: "RUN_STATUS_RUNNING",
    end: ["RUN_STATUS_COMPLETED", { signal: "on" }],
  });
});

test("the same API is there as JSON over HTTP, WatchRun as server-sent events", async () => {
  const refused = (status: number, code: number, reason: string): unknown => ({
    status,
    body: {
      code,
      details: expect.arrayContaining([
        expect.objectContaining({ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason }),
      ]),
    },
  });
  expect(await runPython(CALLS, ["http", server.http])).toMatchObject({
    registered: { status: 200, body: { created: true, workflow: { name: "over-http", version: 1 } } },
    exact: true,
    late: { status: 504, body: { code: 4 } },
    run: {
      status: 200,
      body: {
        run: {
          status: "RUN_STATUS_COMPLETED",
          input: { text: "ä" },
          output: { wait: [1, { by: "http" }] },
        },
      },
    },
    watch: {
      type: "text/event-stream",
      first: "message",
      last: "end",
      statuses: ["RUN_STATUS_RUNNING", "RUN_STATUS_COMPLETED"],
    },
    unknown_run: refused(404, 5, "RUN_NOT_FOUND"),
    unknown_field: { status: 400, body: { code: 3 } },
    unknown_method: { status: 404, body: { code: 5 } },
    stream: { status: 501, body: { code: 12 } },
    no_such_watch: refused(404, 5, "RUN_NOT_FOUND"),
  });
});
