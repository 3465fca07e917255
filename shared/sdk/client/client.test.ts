// The client against a real gRPC server whose handlers the tests write.
import { once } from "node:events";
import { type ServerUnaryCall, type ServerWritableStream, status } from "@grpc/grpc-js";
import { refusal } from "@millrace/errors/refusal.ts";
import { statusOf } from "@millrace/rpc/error-details.ts";
import {
  RunStatus,
  type StartRunRequest,
  type StartRunResponse,
  StepStatus,
  TimelineStep,
  type WatchRunRequest,
  type WatchRunResponse,
  RunEnd as WireEnd,
  Run as WireRun,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { Workflow } from "@millrace/rpc/generated/millrace/v1/workflows.ts";
import { describe, expect, test } from "vitest";
import { createClient } from "./client.ts";
import { MillraceError } from "./millrace-error.ts";
import { errorFrom, lost, serve } from "./scripted-server.ts";

type Reply<Response> = (error: Error | null, response?: Response) => void;

describe("a call", () => {
  test("carries payloads as JSON, the tenant as a header, and a key of its own", async () => {
    const seen: StartRunRequest[] = [];
    const tenants: unknown[] = [];
    await using served = await serve({
      startRun: (call: ServerUnaryCall<StartRunRequest, StartRunResponse>, reply: Reply<StartRunResponse>) => {
        seen.push(call.request);
        tenants.push(...call.metadata.get("millrace-tenant"));
        reply(null, { runId: "r1", repeatedStart: false, end: undefined });
      },
    });
    expect(await served.client.startRun({ workflow: "w", input: { a: [1] } })).toEqual({
      runId: "r1",
      repeated: false,
    });
    await served.client.startRun({ workflow: "w", idempotencyKey: "mine", version: 3 });
    expect(seen.map(({ input }) => input.toString())).toEqual(['{"a":[1]}', ""]);
    expect(seen[0]?.idempotencyKey).toMatch(/^[0-9a-f-]{36}$/);
    expect(seen[1]).toMatchObject({ idempotencyKey: "mine", version: 3, wait: false });
    expect(tenants).toEqual(["acme", "acme"]);
    await expect(served.client.startRun({ workflow: "w", input: () => 1 })).rejects.toThrow(TypeError);
  });

  test("that got lost is tried again with the same key", async () => {
    const keys: string[] = [];
    await using served = await serve({
      startRun: (call: ServerUnaryCall<StartRunRequest, StartRunResponse>, reply: Reply<StartRunResponse>) => {
        keys.push(call.request.idempotencyKey);
        if (keys.length < 3) reply(Object.assign(new Error(), lost));
        else reply(null, { runId: "r1", repeatedStart: true, end: undefined });
      },
    });
    expect(await served.client.startRun({ workflow: "w" })).toEqual({ runId: "r1", repeated: true });
    expect(keys.length).toBe(3);
    expect(new Set(keys).size).toBe(1);
  });

  test("that cannot be repeated is not, unless the server says that nothing happened", async () => {
    let calls = 0;
    await using served = await serve({
      resumeRun: (_call: unknown, reply: Reply<unknown>) => {
        calls += 1;
        if (calls === 1) reply(statusOf(refusal("SHARD_OVERLOADED", { retryDelayMs: 1 })));
        else reply(Object.assign(new Error(), lost));
      },
    });
    expect(await errorFrom(served.client.resumeRun("r1"))).toMatchObject({ code: "UNAVAILABLE", reason: "" });
    expect(calls).toBe(2);
  });

  test("that is refused says why, where and what to do", async () => {
    await using served = await serve({
      getRun: (_call: unknown, reply: Reply<unknown>) => reply(statusOf(refusal("RUN_NOT_FOUND", { field: "run_id" }))),
    });
    const error = await errorFrom(served.client.getRun("nope"));
    expect(error).toMatchObject({ code: "NOT_FOUND", reason: "RUN_NOT_FOUND", retryDelayMs: 0 });
    expect(error.violations[0]?.field).toBe("run_id");
    expect(error.fix).toContain("ListRuns");
    expect(error.message).not.toContain(error.fix);
  });

  test("has a deadline over all tries", async () => {
    await using served = await serve({
      getRun: () => undefined,
      cancelRun: (_call: unknown, reply: Reply<unknown>) =>
        reply(statusOf(refusal("DISK_FULL", { retryDelayMs: 60_000 }))),
    });
    const hasty = createClient({ address: served.address, timeoutMs: 50 });
    expect(await errorFrom(hasty.getRun("r1"))).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    // Waiting as long as the server asks would miss the deadline: no sense in waiting at all.
    expect(await errorFrom(served.client.cancelRun("r1"))).toMatchObject({ reason: "DISK_FULL", retryDelayMs: 60_000 });
    hasty.close();
  });

  test("finds no server: UNAVAILABLE once the deadline is near", async () => {
    const client = createClient({ address: "127.0.0.1:1", timeoutMs: 100 });
    const error = await errorFrom(client.getRun("r1"));
    expect(["UNAVAILABLE", "DEADLINE_EXCEEDED"]).toContain(error.code);
    client.close();
  });
});

describe("what comes back", () => {
  const wire = WireRun.fromPartial({
    runId: "r1",
    workflow: "w",
    version: 2,
    status: RunStatus.TIMED_OUT,
    epoch: 1,
    startTime: new Date(1_000),
    endTime: new Date(2_000),
    input: Buffer.from('{"a":1}'),
    failure: { code: "RUN_TIMEOUT", class: 2, message: "late", guidance: "hurry" },
  });

  test("of a run and its timeline: names and values", async () => {
    const step = TimelineStep.fromPartial({
      step: "charge",
      item: 3,
      status: StepStatus.RETRYING,
      output: Buffer.from("null"),
      logs: Buffer.from('[{"msg":"x"}]'),
      failedAttempts: [{ attempt: 1, failure: { code: "BUSY", class: 0, message: "m", guidance: "" } }],
    });
    await using served = await serve({
      getRun: (_call: unknown, reply: Reply<unknown>) => reply(null, { run: wire }),
      getTimeline: (_call: unknown, reply: Reply<unknown>) => reply(null, { run: wire, steps: [step] }),
    });
    const run = await served.client.getRun("r1");
    expect(run).toMatchObject({ status: "timed-out", input: { a: 1 }, output: undefined, endTime: new Date(2_000) });
    expect(run.failure).toEqual({ code: "RUN_TIMEOUT", class: "permanent", message: "late", guidance: "hurry" });
    const { steps } = await served.client.getTimeline("r1");
    expect(steps[0]).toMatchObject({ step: "charge", item: 2, status: "retrying", output: null, logs: [{ msg: "x" }] });
    expect(steps[0]?.failedAttempts[0]?.failure?.class).toBe("unclassified");
  });

  test("of the end of a run that was waited for", async () => {
    const end = WireEnd.fromPartial({
      runId: "r1",
      status: RunStatus.COMPLETED,
      output: Buffer.from("[7]"),
      endTimeMs: 5,
    });
    await using served = await serve({
      startRun: (_call: unknown, reply: Reply<unknown>) => reply(null, { runId: "r1", repeatedStart: false, end }),
    });
    const result = await served.client.runToEnd({ workflow: "w" });
    expect(result).toMatchObject({ runId: "r1", status: "completed", output: [7], endTime: new Date(5) });
  });

  test("of a batch: one answer a run, refusals among them", async () => {
    await using served = await serve({
      startRuns: (_call: unknown, reply: Reply<unknown>) => {
        const error = { code: status.NOT_FOUND, reason: "WORKFLOW_NOT_FOUND", message: "no such", retryDelayMs: 0 };
        const refused = { ref: 1, runId: "", repeatedStart: false, error };
        reply(null, { runs: [{ ref: 0, runId: "r1", repeatedStart: false, error: undefined }, refused] });
      },
    });
    const [first, second] = await served.client.startRuns([{ workflow: "w" }, { workflow: "x" }]);
    expect(first).toEqual({ runId: "r1", repeated: false });
    expect(second).toBeInstanceOf(MillraceError);
    expect(second).toMatchObject({
      code: "NOT_FOUND",
      reason: "WORKFLOW_NOT_FOUND",
      fix: expect.stringContaining("Register"),
    });
  });

  test("with every digit, if the client is told how to parse", async () => {
    const digits = "12345678901234567890";
    const payload = Buffer.from(`{"id":${digits},"n":1.5,"small":7}`);
    const run = WireRun.fromPartial({ ...wire, input: payload, output: payload });
    const step = TimelineStep.fromPartial({ input: payload, logs: payload, failedAttempts: [{ logs: payload }] });
    const end = WireEnd.fromPartial({ status: RunStatus.COMPLETED, output: payload });
    const starts: Buffer[] = [];
    await using served = await serve({
      startRun: (call: ServerUnaryCall<StartRunRequest, unknown>, reply: Reply<unknown>) => {
        starts.push(call.request.input);
        reply(null, { runId: "r1", repeatedStart: false, end });
      },
      getTimeline: (_call: unknown, reply: Reply<unknown>) => reply(null, { run, steps: [step] }),
    });
    expect((await served.client.getTimeline("r1")).run.input).toEqual({ id: Number(digits), n: 1.5, small: 7 });
    // The example of ClientOptions.
    const parsePayload = (text: string): unknown => {
      const value: unknown = JSON.parse(text, (_key, part: unknown, { source = "" }: { source?: string } = {}) =>
        !Number.isSafeInteger(part) && /^-?\d+$/.test(source) ? BigInt(source) : part,
      );
      return value;
    };
    const exact = createClient({ address: served.address, parsePayload });
    const value = { id: 12345678901234567890n, n: 1.5, small: 7 };
    expect(await exact.getTimeline("r1")).toMatchObject({
      run: { input: value, output: value },
      steps: [{ input: value, logs: value, failedAttempts: [{ logs: value }] }],
    });
    expect((await exact.runToEnd({ workflow: "w", input: JSON.rawJSON(digits) })).output).toEqual(value);
    expect(starts.map(String)).toEqual([digits]);
    exact.close();
  });

  test("of lists: page after page", async () => {
    const tokens: string[] = [];
    await using served = await serve({
      listRuns: (call: ServerUnaryCall<{ pageToken: string; status: RunStatus }, unknown>, reply: Reply<unknown>) => {
        tokens.push(call.request.pageToken);
        expect(call.request.status).toBe(RunStatus.FAILED);
        const runs = [WireRun.fromPartial({ ...wire, runId: `r${tokens.length}` })];
        reply(null, { runs, nextPageToken: tokens.length < 3 ? `t${tokens.length}` : "" });
      },
    });
    const ids: string[] = [];
    for await (const run of served.client.listRuns({ status: "failed" })) ids.push(run.runId);
    expect(ids).toEqual(["r1", "r2", "r3"]);
    expect(tokens).toEqual(["", "t1", "t2"]);
  });

  test("of a step or an item alone, and what is left out", async () => {
    const asked: unknown[] = [];
    const omitted = { inputBytes: 0, outputBytes: 5_000_000, logsBytes: 0, progressBytes: 0 };
    const step = TimelineStep.fromPartial({ step: "charge", item: 3, omitted });
    await using served = await serve({
      getTimeline: (call: ServerUnaryCall<unknown, unknown>, reply: Reply<unknown>) => {
        asked.push(call.request);
        reply(null, { run: wire, steps: [step] });
      },
    });
    const { run, steps } = await served.client.getTimeline("r1", { step: "charge", item: 2 });
    await served.client.getTimeline("r1", { brief: true, step: "charge" });
    expect(asked).toEqual([
      { runId: "r1", brief: false, step: "charge", item: 3 },
      { runId: "r1", brief: true, step: "charge", item: 0 },
    ]);
    expect(steps[0]).toMatchObject({ item: 2, output: undefined, omitted });
    expect(run.omitted).toBe(undefined);
  });

  test("of items: page after page", async () => {
    const asked: unknown[] = [];
    await using served = await serve({
      listItems: (call: ServerUnaryCall<unknown, unknown>, reply: Reply<unknown>) => {
        asked.push(call.request);
        const items = [TimelineStep.fromPartial({ step: "charge", item: asked.length, status: StepStatus.FAILED })];
        reply(null, { items, nextPageToken: asked.length < 3 ? `t${asked.length}` : "" });
      },
    });
    const seen: unknown[] = [];
    const filter = { step: "charge", statuses: ["failed", "retrying"], pageSize: 7 } as const;
    for await (const { item, status: stands } of served.client.listItems("r1", filter)) seen.push([item, stands]);
    expect(seen).toEqual([0, 1, 2].map((item) => [item, "failed"]));
    const statuses = [StepStatus.FAILED, StepStatus.RETRYING];
    expect(asked).toEqual(
      ["", "t1", "t2"].map((pageToken) => ({
        runId: "r1",
        step: "charge",
        statuses,
        brief: false,
        pageSize: 7,
        pageToken,
      })),
    );
  });

  test("of workflows", async () => {
    const workflow = Workflow.fromPartial({ name: "w", version: 1, steps: ["a"] });
    const problem = { field: "steps.a", message: "bad", fix: "good", line: 1, column: 2 };
    await using served = await serve(
      {},
      {
        registerWorkflow: (_call: unknown, reply: Reply<unknown>) => reply(null, { workflow, created: true }),
        validateWorkflow: (_call: unknown, reply: Reply<unknown>) => reply(null, { problems: [problem] }),
        getWorkflow: (_call: unknown, reply: Reply<unknown>) => reply(null, { workflow }),
        listWorkflows: (_call: unknown, reply: Reply<unknown>) =>
          reply(null, { workflows: [workflow], nextPageToken: "" }),
      },
    );
    expect(await served.client.registerWorkflow("name: w")).toMatchObject({ created: true, workflow: { name: "w" } });
    expect(await served.client.validateWorkflow("name: w")).toEqual([problem]);
    expect(await served.client.getWorkflow("w")).toMatchObject({ version: 1 });
    const names: string[] = [];
    for await (const { name } of served.client.listWorkflows()) names.push(name);
    expect(names).toEqual(["w"]);
  });
});

test("signals, retries, cancels: each with a request ID that makes it repeatable", async () => {
  const seen: { requestId?: string; reason?: string }[] = [];
  const taken = (response: unknown) => (call: ServerUnaryCall<object, unknown>, reply: Reply<unknown>) => {
    seen.push(call.request);
    reply(null, response);
  };
  await using served = await serve({
    signalRun: taken({ repeatedSignal: true }),
    retryRun: taken({ epoch: 2, repeatedRetry: false }),
    cancelRun: taken({}),
    terminateRun: taken({}),
    pauseRun: taken({}),
    resumeRun: taken({}),
  });
  const { client } = served;
  expect(await client.signalRun("r1", "approved", { by: "me" })).toEqual({ repeated: true });
  expect(await client.retryRun("r1", "again")).toEqual({ epoch: 2, repeated: false });
  await client.cancelRun("r1", "enough");
  await client.terminateRun("r1", "now");
  await client.pauseRun("r1");
  await client.resumeRun("r1");
  expect(seen[0]?.requestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(seen[1]?.requestId).toBe("again");
  expect(seen.map(({ reason }) => reason)).toEqual([undefined, undefined, "enough", "now", "", undefined]);
});

describe("watching", () => {
  type Watching = ServerWritableStream<WatchRunRequest, WatchRunResponse>;
  const state = (of: RunStatus) => ({ run: WireRun.fromPartial({ runId: "r1", status: of }), steps: [] });

  test("goes on where a stream broke, and ends with the run", async () => {
    let streams = 0;
    await using served = await serve({
      watchRun: (call: Watching) => {
        streams += 1;
        call.write(state(streams === 1 ? RunStatus.RUNNING : RunStatus.PAUSED));
        if (streams === 1) {
          call.emit("error", lost);
          return;
        }
        call.write(state(RunStatus.COMPLETED));
        call.end();
      },
    });
    const seen: string[] = [];
    for await (const { run } of served.client.watchRun("r1")) seen.push(run.status);
    expect(seen).toEqual(["running", "paused", "completed"]);
  });

  test("of an unknown run is refused", async () => {
    await using served = await serve({
      watchRun: (call: Watching) => call.emit("error", statusOf(refusal("RUN_NOT_FOUND"))),
    });
    expect(await errorFrom(served.client.watchRun("r1").next())).toMatchObject({ reason: "RUN_NOT_FOUND" });
  });

  test("ends when the reader leaves or its signal is aborted", async () => {
    const gone: Promise<unknown>[] = [];
    await using served = await serve({
      watchRun: (call: Watching) => {
        gone.push(once(call, "cancelled"));
        call.write(state(RunStatus.RUNNING));
      },
    });
    for await (const { run } of served.client.watchRun("r1")) {
      expect(run.status).toBe("running");
      break;
    }
    await gone[0];
    const controller = new AbortController();
    const watching = served.client.watchRun("r1", { signal: controller.signal });
    await watching.next();
    controller.abort(new Error("enough"));
    await expect(watching.next()).rejects.toThrow("enough");
    await gone[1];
  });
});
