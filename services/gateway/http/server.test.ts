import { status as grpcStatus } from "@grpc/grpc-js";
import { refusal } from "@millrace/errors/refusal.ts";
import type { ConnectResponse } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { done } from "../testdata/fake-shards.ts";
import { definitionOf, makeRun, viewOf } from "../testdata/make-run.ts";
import { makeTask } from "../testdata/make-task.ts";
import { FLOW, type ServedGateway, serveGateway } from "../testdata/served-gateway.ts";

let served: ServedGateway;
beforeAll(async () => {
  served = await serveGateway();
});
afterAll(() => served.close());
beforeEach(() => {
  served.shards.handed.length = 0;
  served.shards.reply = done;
});

async function call(method: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${served.gateway.httpAddress}/millrace.v1.${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const parsed: unknown = await response.json();
  return { status: response.status, headers: response.headers, body: parsed };
}

const get = async (path: string) => {
  const response = await fetch(served.gateway.httpAddress + path);
  return { status: response.status, headers: response.headers, text: await response.text() };
};

const toObject = (value: unknown): object => (typeof value === "object" && value !== null ? value : {});

const definition = definitionOf(FLOW);
const pending = makeRun(definition, [{ status: "pending" }]);
const ended = makeRun(definition, [{ status: "skipped", atMs: pending.startedMs + 5 }], {
  status: "completed",
  endedMs: pending.startedMs + 5,
  output: -1,
});

describe("calls", () => {
  it("take and give payloads as plain JSON", async () => {
    const started = await call("RunService/StartRun", { workflow: "flow", input: { n: [1, "ä"] } });
    expect(started).toMatchObject({ status: 200, body: { runId: expect.stringMatching(/^.{20}$/) } });
    expect(served.shards.handed[0]?.envelope.command).toMatchObject({ input: '{"n":[1,"ä"]}' });
    served.shards.views.set(ended.runId, viewOf(ended, definition));
    const read = await call("RunService/GetRun", { runId: ended.runId });
    expect(read.body).toMatchObject({ run: { status: "RUN_STATUS_COMPLETED", output: { in: 1 }, version: 3 } });
  });

  it("wait for a run's end, at most as long as asked", async () => {
    const waited = await call(
      "RunService/StartRun",
      { workflow: "flow", wait: true },
      { "millrace-timeout-ms": "100" },
    );
    expect(waited).toMatchObject({
      status: 504,
      body: { code: 4, message: expect.stringContaining("goes on"), details: [] },
    });
    served.shards.reply = (envelope) => {
      setImmediate(() => setImmediate(() => served.shards.end(envelope.command.runId)));
      return done(envelope);
    };
    const whole = await call("RunService/StartRun", { workflow: "flow", wait: true, input: 7 });
    expect(whole.body).toMatchObject({ end: { status: "RUN_STATUS_COMPLETED", output: 7 } });
  });

  it("take the tenant from a header", async () => {
    const answer = await call("RunService/StartRun", { workflow: "flow" }, { "millrace-tenant": "acme" });
    expect(answer).toMatchObject({ status: 404, body: { message: expect.stringContaining("Tenant acme") } });
  });

  it("register, validate, get and list workflows", async () => {
    const source = "name: second\nsteps:\n  a: { uses: t }\n";
    const registered = await call("WorkflowService/RegisterWorkflow", { source });
    expect(registered).toMatchObject({
      status: 200,
      body: { workflow: { name: "second", version: 1, steps: ["a"] }, created: true },
    });
    expect((await call("WorkflowService/RegisterWorkflow", { source })).body).not.toHaveProperty("created");
    const got = await call("WorkflowService/GetWorkflow", { name: "second" });
    expect(got.body).toMatchObject({ workflow: { source } });
    const first = await call("WorkflowService/ListWorkflows", { pageSize: 1 });
    expect(first.body).toMatchObject({ workflows: [{ name: "flow", webhookPaths: ["shop/orders"] }] });
    const pageToken = new Map<string, unknown>(Object.entries({ ...toObject(first.body) })).get("nextPageToken");
    expect((await call("WorkflowService/ListWorkflows", { pageToken })).body).toMatchObject({
      workflows: [{ name: "second" }],
    });
    const problems = await call("WorkflowService/ValidateWorkflow", {
      source: "name: x\nsteps: { a: { uses: t, needs: [b] } }",
    });
    expect(problems.body).toMatchObject({ problems: [{ field: expect.stringContaining("needs"), line: 2 }] });
    const wrong = await call("WorkflowService/RegisterWorkflow", {
      source: "name: x\nsteps: { a: { uses: t, needs: [b] } }",
    });
    expect(wrong).toMatchObject({ status: 400, body: { code: 3, message: expect.stringContaining("line 2") } });
  });

  it("I8: refuse a webhook path that is another workflow's", async () => {
    const source = FLOW.replace("name: flow", "name: thief");
    const answer = await call("WorkflowService/RegisterWorkflow", { source });
    expect(answer).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining("belongs to workflow flow") },
    });
  });

  it.each<{ name: string; method: string; body: unknown; headers?: Record<string, string>; httpStatus: number }>([
    { name: "no JSON", method: "RunService/StartRun", body: "{", httpStatus: 400 },
    { name: "an unknown field", method: "RunService/StartRun", body: { workflw: "flow" }, httpStatus: 400 },
    {
      name: "a bad time-out",
      method: "RunService/GetRun",
      body: {},
      headers: { "millrace-timeout-ms": "x" },
      httpStatus: 400,
    },
    {
      name: "a bad tenant",
      method: "RunService/GetRun",
      body: {},
      headers: { "millrace-tenant": "A B" },
      httpStatus: 400,
    },
    {
      name: "a form",
      method: "RunService/GetRun",
      body: "a=1",
      headers: { "content-type": "text/plain" },
      httpStatus: 415,
    },
    { name: "a run there is not", method: "RunService/GetRun", body: { runId: "0".repeat(20) }, httpStatus: 404 },
    { name: "a method there is not", method: "RunService/Nothing", body: {}, httpStatus: 404 },
    { name: "a stream both ways", method: "RunService/SubmitRuns", body: {}, httpStatus: 501 },
    { name: "too large a body", method: "RunService/StartRun", body: "1".repeat(4 * 1024 * 1024 + 1), httpStatus: 413 },
  ])(
    "I8: refuse $name with $httpStatus, a code, a message and details",
    async ({ method, body, headers, httpStatus }) => {
      const answer = await call(method, body, headers);
      expect(answer.status).toBe(httpStatus);
      expect(answer.body).toMatchObject({
        code: expect.any(Number),
        message: expect.any(String),
        details: expect.any(Array),
      });
      expect(served.shards.handed).toEqual([]);
    },
  );

  it("I9: pass overload on with a delay", async () => {
    served.shards.reply = ({ ref }) => ({ type: "refused", ref, refusal: refusal("DISK_FULL") });
    const answer = await call("RunService/StartRun", { workflow: "flow" });
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "5"]);
    expect(JSON.stringify(answer.body)).toContain("google.rpc.RetryInfo");
  });

  it("answer no other site's scripts", async () => {
    const preflight = await fetch(`${served.gateway.httpAddress}/millrace.v1.RunService/StartRun`, {
      method: "OPTIONS",
      headers: { origin: "https://elsewhere.example", "access-control-request-method": "POST" },
    });
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([403, null]);
  });
});

describe("WatchRun", () => {
  it("streams changes as server-sent events to the end of the run", async () => {
    served.shards.views.set(pending.runId, viewOf(pending, definition));
    const response = await fetch(`${served.gateway.httpAddress}/millrace.v1.RunService/WatchRun`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ runId: pending.runId, timeline: true }),
    });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    let text = "";
    for await (const chunk of response.body ?? []) {
      if (text === "") served.shards.change(pending.runId, viewOf(ended, definition));
      text += Buffer.from(chunk).toString();
    }
    const events = text.trimEnd().split("\n\n");
    expect(events.length).toBe(3);
    expect(events[0]).toContain('"status":"RUN_STATUS_RUNNING"');
    expect(events[1]).toContain('"status":"RUN_STATUS_COMPLETED"');
    expect(events[2]).toBe("event: end\ndata: {}");
  });

  it("refuses a run there is not, and lets go of a caller that leaves", async () => {
    expect((await call("RunService/WatchRun", { runId: "0".repeat(20) })).status).toBe(404);
    served.shards.views.set(pending.runId, viewOf(pending, definition));
    const abort = new AbortController();
    const response = await fetch(`${served.gateway.httpAddress}/millrace.v1.RunService/WatchRun`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ runId: pending.runId }),
      signal: abort.signal,
    });
    expect(response.status).toBe(200);
    abort.abort();
    await expect.poll(() => served.shards.watchers.get(pending.runId)?.size).toBe(0);
  });
});

describe("a gateway", () => {
  it("answers health and metrics", async () => {
    expect([(await get("/livez")).status, (await get("/readyz")).status, (await get("/startupz")).status]).toEqual([
      200, 200, 200,
    ]);
    const metrics = await get("/metrics");
    expect(metrics.headers.get("content-type")).toContain("text/plain");
    expect(metrics.text).toContain("millrace_worker_sessions 0");
    expect((await get("/nothing")).status).toBe(404);
  });

  it("is not ready from the moment it stops, and lets workers and calls finish", async () => {
    const own = await serveGateway();
    const frames: ConnectResponse[] = [];
    const worker = own.workers.connect();
    worker.on("data", (frame: ConnectResponse) => frames.push(frame));
    const broken = new Promise((resolve) => worker.on("error", resolve));
    const blank = { hello: undefined, credits: 0, results: [], frame: 0, heartbeats: [], draining: false };
    worker.write({ ...blank, hello: { name: "w", build: "b", taskTypes: ["t"], holding: [] }, credits: 2 });
    own.shards.enqueue(makeTask(1));
    await expect.poll(() => frames.flatMap(({ tasks }) => tasks).length).toBe(1);
    const stopped = own.gateway.stop(20_000);
    expect((await fetch(`${own.gateway.httpAddress}/readyz`)).status).toBe(503);
    await expect.poll(() => frames.some(({ draining }) => draining)).toBe(true);
    own.shards.reply = () => undefined;
    const outcome = { $case: "output" as const, value: Buffer.from("1") };
    const result = { runId: makeTask(1).runId, epoch: 1, step: 0, item: 0, attempt: 1, outcome, logs: Buffer.alloc(0) };
    worker.write({ ...blank, results: [result], frame: 1 });
    await expect.poll(() => own.shards.handed.length).toBe(1);
    const url = `${own.gateway.httpAddress}/millrace.v1.RunService/StartRun`;
    const headers = { "content-type": "application/json" };
    const open = fetch(url, { method: "POST", headers, body: '{"workflow":"flow"}' });
    await expect.poll(() => own.shards.handed.length).toBe(2);
    for (const { origin, envelope } of own.shards.handed) origin.replied([done(envelope)]);
    expect((await open).status).toBe(200);
    expect(await broken).toMatchObject({ code: grpcStatus.UNAVAILABLE });
    await stopped;
    expect(frames.flatMap(({ settled }) => settled)).toEqual([1]);
    await expect(fetch(url, { method: "POST", headers, body: "{}" })).rejects.toThrow();
    await own.close();
  });
});
