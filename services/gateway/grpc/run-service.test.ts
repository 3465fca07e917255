import { Metadata, status } from "@grpc/grpc-js";
import { isRunId, slotOfKey, slotOfRun } from "@millrace/core/run-id.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import { runId, tenantId } from "@millrace/model/ids.ts";
import { json, PAYLOAD_BYTES_MAX } from "@millrace/model/payload.ts";
import type { StartRun } from "@millrace/model/run-commands.ts";
import { callFailureOf, type FailedCall } from "@millrace/rpc/call-failure.ts";
import { deadlineIn } from "@millrace/rpc/client.ts";
import {
  type ListRunsResponse,
  RunStatus,
  type StartRunRequest,
  type StartRunResponse,
  SubmitAnswers,
  type SubmitRunsRequest,
  type SubmitRunsResponse,
  type WatchRunResponse,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { done } from "../testdata/fake-shards.ts";
import { definitionOf, makeRun, rowOf, viewOf } from "../testdata/make-run.ts";
import { answerOf, asTenant, FLOW, register, type ServedGateway, serveGateway } from "../testdata/served-gateway.ts";

let served: ServedGateway;
beforeAll(async () => {
  served = await serveGateway();
});
afterAll(() => served.close());
beforeEach(() => {
  served.shards.handed.length = 0;
  served.shards.reply = done;
  served.blobs.full = false;
});

const request = (over: Partial<StartRunRequest> = {}): StartRunRequest => ({
  workflow: "flow",
  input: Buffer.from('{"a":1}'),
  idempotencyKey: "",
  version: 0,
  wait: false,
  ...over,
});

const start = (over: Partial<StartRunRequest> = {}, metadata = new Metadata()) =>
  answerOf<StartRunResponse>((callback) => served.runs.startRun(request(over), metadata, deadlineIn(5_000), callback));

const startsHandedIn = (): StartRun[] =>
  served.shards.handed.flatMap(({ envelope: { command } }) => (command.type === "start" ? [command] : []));

const lastStart = (): StartRun => {
  const command = startsHandedIn().at(-1);
  if (command === undefined) throw new Error("no start was handed in");
  return command;
};

const numbers = (some: readonly { readonly ref: number }[]) =>
  some.map(({ ref }) => ref).toSorted((left, right) => left - right);

function failure(answer: unknown) {
  if (!isFailure(answer)) throw new Error(`not refused: ${JSON.stringify(answer)}`);
  return callFailureOf(answer);
}

function isFailure(answer: unknown): answer is FailedCall {
  return answer instanceof Error && "metadata" in answer;
}

describe("StartRun", () => {
  it("hands in a start with a new run ID and the newest version", async () => {
    const answer = await start();
    const command = lastStart();
    expect(answer).toEqual({ runId: command.runId, repeatedStart: false, end: undefined });
    expect(isRunId(command.runId)).toBe(true);
    expect(command).toMatchObject({ tenant: "default", workflow: "flow", version: 1, input: '{"a":1}', inputHash: "" });
  });

  it("puts the run into its key's slot, with a hash of what was asked", async () => {
    await start({ idempotencyKey: "k1" });
    const first = lastStart();
    await start({ idempotencyKey: "k1" });
    const same = lastStart();
    await start({ idempotencyKey: "k1", input: Buffer.from("2") });
    const other = lastStart();
    expect(slotOfRun(first.runId)).toBe(slotOfKey(tenantId("default"), "k1"));
    expect(first.inputHash).toMatch(/^.{16}$/);
    expect(same.inputHash).toBe(first.inputHash);
    expect(other.inputHash).not.toBe(first.inputHash);
  });

  it("takes the tenant and the trace from metadata", async () => {
    await register(served.registry, FLOW.replace("shop/orders", "acme/orders"), "acme");
    const metadata = asTenant("acme");
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    metadata.set("traceparent", traceparent);
    await start({}, metadata);
    expect(lastStart()).toMatchObject({ tenant: "acme", traceparent });
  });

  it("I1: stores a large input before the command that names it", async () => {
    const input = Buffer.from(JSON.stringify("x".repeat(100_000)));
    let storedFirst = false;
    served.shards.reply = (envelope) => {
      storedFirst = served.blobs.stored.size === 1;
      return done(envelope);
    };
    await start({ input });
    expect(lastStart().input).toMatchObject({ bytes: input.length });
    expect(storedFirst).toBe(true);
  });

  it.each<[string, string, Partial<StartRunRequest>]>([
    ["workflow", '"No Such"', { workflow: "No Such" }],
    ["input", "at byte 5", { input: Buffer.from('{"a":}') }],
    ["input", "at byte 1", { input: Buffer.from([0x22, 0xff, 0x22]) }],
    ["input", String(PAYLOAD_BYTES_MAX), { input: Buffer.alloc(PAYLOAD_BYTES_MAX + 1, "1") }],
    ["idempotency_key", "at most 256", { idempotencyKey: "k".repeat(257) }],
    ["workflow", "has no workflow missing", { workflow: "missing" }],
    ["workflow", "no version 9", { version: 9 }],
  ])("I8: refuses a bad %s (%s) and hands in nothing", async (field, text, over) => {
    const { violations, message } = failure(await start(over));
    expect(violations[0]?.field).toBe(field);
    expect(message).toContain(text);
    expect(served.shards.handed).toEqual([]);
  });

  it("I8: refuses a tenant that is none", async () => {
    expect(failure(await start({}, asTenant("Not A Tenant")))).toMatchObject({ status: "INVALID_ARGUMENT" });
  });

  it("I9: passes an overloaded shard's refusal on with its delay", async () => {
    served.shards.reply = ({ ref }) => ({ type: "refused", ref, refusal: refusal("SHARD_OVERLOADED") });
    expect(failure(await start())).toMatchObject({ status: "RESOURCE_EXHAUSTED", retryDelayMs: 100 });
  });

  it("says so when the blob store is full", async () => {
    served.blobs.full = true;
    const input = Buffer.from(JSON.stringify("x".repeat(100_000)));
    expect(failure(await start({ input }))).toMatchObject({ reason: "DISK_FULL", status: "RESOURCE_EXHAUSTED" });
  });

  it("waits for the end when asked", async () => {
    served.shards.reply = (envelope) => {
      setImmediate(() => setImmediate(() => served.shards.end(envelope.command.runId)));
      return done(envelope);
    };
    expect(await start({ wait: true })).toMatchObject({
      end: { status: RunStatus.COMPLETED, output: Buffer.from('{"a":1}') },
    });
  });

  it("leaves the run going when the deadline passes while it waits", async () => {
    const answer = await answerOf((callback) =>
      served.runs.startRun(request({ wait: true }), new Metadata(), deadlineIn(100), callback),
    );
    expect(answer).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    expect(startsHandedIn().length).toBe(1);
    expect(served.shards.handed.every(({ envelope }) => envelope.command.type === "start")).toBe(true);
  });
});

describe("StartRuns", () => {
  const run = (ref: number, over: object = {}) => ({
    ref,
    workflow: "flow",
    input: Buffer.from("1"),
    idempotencyKey: "",
    version: 0,
    ...over,
  });

  it("answers each start in order, refused or durable", async () => {
    const runs = [run(10), run(11, { workflow: "missing" }), run(12), run(13, { input: Buffer.from("{") })];
    const answer = await answerOf((callback) =>
      served.runs.startRuns({ runs }, new Metadata(), deadlineIn(5_000), callback),
    );
    expect(answer).toMatchObject({
      runs: [
        { ref: 10, error: undefined },
        { ref: 11, runId: "", error: { code: status.NOT_FOUND, reason: "WORKFLOW_NOT_FOUND" } },
        { ref: 12, error: undefined },
        {
          ref: 13,
          runId: "",
          error: { code: status.INVALID_ARGUMENT, message: expect.stringContaining("runs[3].input") },
        },
      ],
    });
    expect(startsHandedIn().length).toBe(2);
  });

  it("I9: takes 1 to 10,000 starts", async () => {
    const none = await answerOf((callback) =>
      served.runs.startRuns({ runs: [] }, new Metadata(), deadlineIn(5_000), callback),
    );
    expect(failure(none).violations[0]?.field).toBe("runs");
  });
});

describe("SubmitRuns", () => {
  const frame = (
    refs: readonly number[],
    answers: SubmitAnswers = SubmitAnswers.UNSPECIFIED,
    over: object = {},
  ): SubmitRunsRequest => ({
    runs: refs.map((ref) => ({
      ref,
      workflow: "flow",
      input: Buffer.from(`${ref}`),
      idempotencyKey: "",
      version: 0,
      ...over,
    })),
    answers,
  });

  function submit(frames: readonly SubmitRunsRequest[]) {
    const call = served.runs.submitRuns();
    const responses: SubmitRunsResponse[] = [];
    const over = new Promise<unknown>((resolve) => call.on("end", resolve).on("error", resolve));
    call.on("data", (response: SubmitRunsResponse) => responses.push(response));
    for (const each of frames) call.write(each);
    const ended = async () => {
      call.end();
      expect(await over).toBe(undefined);
      return {
        started: responses.flatMap(({ started }) => started),
        ended: responses.flatMap(({ ended: ends }) => ends),
      };
    };
    return { call, ended };
  }

  const endAll = () => {
    served.shards.reply = (envelope) => {
      setImmediate(() => setImmediate(() => served.shards.end(envelope.command.runId)));
      return done(envelope);
    };
  };

  it("returns starts and ends with the caller's numbers and ends when all were sent", async () => {
    endAll();
    const { started, ended } = await submit([frame([1, 2, 3]), frame([4])]).ended();
    expect(numbers(started)).toEqual([1, 2, 3, 4]);
    expect(
      ended.map(({ ref, output }) => `${ref}=${output.toString()}`).toSorted((a, b) => a.localeCompare(b)),
    ).toEqual(["1=1", "2=2", "3=3", "4=4"]);
  });

  it("returns only what was asked for, and refusals always", async () => {
    endAll();
    const starts = await submit([
      frame([1], SubmitAnswers.STARTS),
      frame([2], SubmitAnswers.UNSPECIFIED, { workflow: "missing" }),
    ]).ended();
    expect([starts.started.length, starts.ended.length]).toEqual([2, 0]);
    const ends = await submit([
      frame([1], SubmitAnswers.ENDS),
      frame([2], SubmitAnswers.UNSPECIFIED, { workflow: "missing" }),
    ]).ended();
    expect(ends.started).toMatchObject([{ ref: 2, error: { reason: "WORKFLOW_NOT_FOUND" } }]);
    expect(ends.ended.length).toBe(1);
  });

  it("I9: holds a start that an overloaded shard refused, and hands it in again", async () => {
    let refusals = 3;
    served.shards.reply = (envelope) =>
      refusals-- > 0
        ? { type: "refused", ref: envelope.ref, refusal: refusal("SHARD_OVERLOADED", { retryDelayMs: 5 }) }
        : done(envelope);
    const { started } = await submit([frame([1, 2], SubmitAnswers.STARTS)]).ended();
    expect(numbers(started)).toEqual([1, 2]);
    expect(started.every(({ error }) => error === undefined)).toBe(true);
    expect(served.shards.handed.length).toBeGreaterThan(2);
  });

  it("tells a full disk to the caller", async () => {
    served.shards.reply = ({ ref }) => ({ type: "refused", ref, refusal: refusal("DISK_FULL") });
    const { started } = await submit([frame([1])]).ended();
    expect(started).toMatchObject([{ ref: 1, error: { reason: "DISK_FULL", code: status.RESOURCE_EXHAUSTED } }]);
  });

  it("carries inputs and outputs over 64 KiB", async () => {
    endAll();
    const large = Buffer.from(JSON.stringify("y".repeat(200_000)));
    const { ended } = await submit([frame([1], SubmitAnswers.ENDS, { input: large })]).ended();
    expect(ended[0]?.output.equals(large)).toBe(true);
  });

  it("puts a list of outputs, some of them blobs, together; one that is gone leaves it empty", async () => {
    const large = JSON.stringify("z".repeat(100_000));
    const gone = { sha256: "0".repeat(64), bytes: 70_000 };
    served.shards.reply = (envelope) => {
      const { runId: id } = envelope.command;
      void served.blobs.put(id, Buffer.from(large)).then((ref) => {
        served.shards.end(id, { output: envelope.ref === 1 ? [ref, json("2")] : [ref, gone] });
      });
      return done(envelope);
    };
    const { ended } = await submit([frame([1, 2], SubmitAnswers.ENDS)]).ended();
    expect(ended.map(({ output }) => output.toString())).toEqual([`[${large},2]`, ""]);
  });

  it("forgets a caller that goes away, and the runs go on", async () => {
    served.shards.reply = () => undefined;
    const { call } = submit([frame([1])]);
    await expect.poll(() => served.shards.handed.length).toBe(1);
    call.cancel();
    const [handed] = served.shards.handed;
    if (handed === undefined) throw new Error("a start was handed in");
    handed.origin.replied([done(handed.envelope)]);
    expect(served.shards.handed.length).toBe(1);
  });
});

describe("steering", () => {
  const id = "01kyxq00000000000000";

  it("hands in one command a call and says whether it was a repetition", async () => {
    served.shards.reply = (envelope) => ({ ...done(envelope), repeated: true, epoch: 4 });
    const metadata = new Metadata();
    const within = () => deadlineIn(5_000);
    const signal = { runId: id, name: "approved", payload: Buffer.from("true"), requestId: "r" };
    expect(await answerOf((callback) => served.runs.signalRun(signal, metadata, within(), callback))).toEqual({
      repeatedSignal: true,
    });
    await answerOf((callback) => served.runs.cancelRun({ runId: id, reason: "why" }, metadata, within(), callback));
    await answerOf((callback) => served.runs.terminateRun({ runId: id, reason: "" }, metadata, within(), callback));
    await answerOf((callback) => served.runs.pauseRun({ runId: id, reason: "" }, metadata, within(), callback));
    await answerOf((callback) => served.runs.resumeRun({ runId: id }, metadata, within(), callback));
    expect(
      await answerOf((callback) => served.runs.retryRun({ runId: id, requestId: "q" }, metadata, within(), callback)),
    ).toEqual({ epoch: 4, repeatedRetry: true });
    expect(served.shards.handed.map(({ envelope }) => envelope.command)).toEqual([
      { type: "signal", tenant: "default", runId: id, signalId: "r", name: "approved", payload: "true" },
      { type: "cancel", tenant: "default", runId: id, reason: "why" },
      { type: "terminate", tenant: "default", runId: id, reason: "" },
      { type: "pause", tenant: "default", runId: id, reason: "" },
      { type: "resume", tenant: "default", runId: id },
      { type: "retry", tenant: "default", runId: id, requestId: "q" },
    ]);
  });

  it.each([
    ["run_id", { runId: "nope" }],
    ["name", { name: "" }],
    ["name", { name: "n".repeat(129) }],
    ["payload", { payload: Buffer.from("{") }],
    ["payload", { payload: Buffer.from(JSON.stringify("x".repeat(70_000))) }],
    ["request_id", { requestId: "r".repeat(129) }],
  ])("I8: refuses a signal with a bad %s", async (field, over) => {
    const signal = { runId: id, name: "n", payload: Buffer.alloc(0), requestId: "", ...over };
    const answer = await answerOf((callback) =>
      served.runs.signalRun(signal, new Metadata(), deadlineIn(5_000), callback),
    );
    expect(failure(answer).violations[0]?.field).toBe(field);
    expect(served.shards.handed).toEqual([]);
  });
});

describe("reading", () => {
  const definition = definitionOf(FLOW);
  const pending = makeRun(definition, [{ status: "pending" }]);
  const ended = makeRun(definition, [{ status: "skipped", atMs: pending.startedMs + 5 }], {
    status: "completed",
    endedMs: pending.startedMs + 5,
    output: -1,
  });

  it("gets a run, with what it refers to", async () => {
    served.shards.views.set(ended.runId, viewOf(ended, definition));
    const answer = await answerOf((callback) =>
      served.runs.getRun({ runId: ended.runId }, new Metadata(), deadlineIn(5_000), callback),
    );
    expect(answer).toMatchObject({
      run: {
        runId: ended.runId,
        status: RunStatus.COMPLETED,
        version: 3,
        output: Buffer.from('{"in":1}'),
        stepsTotal: 1,
        stepsSettled: 1,
      },
    });
  });

  it("gets a timeline, brief or in full", async () => {
    served.shards.views.set(ended.runId, viewOf(ended, definition));
    const get = (brief: boolean) =>
      answerOf((callback) =>
        served.runs.getTimeline(
          { runId: ended.runId, brief, step: "", item: 0 },
          new Metadata(),
          deadlineIn(5_000),
          callback,
        ),
      );
    expect(await get(false)).toMatchObject({
      run: { input: Buffer.from('{"in":1}') },
      steps: [{ step: "a", uses: "t" }],
    });
    expect(await get(true)).toMatchObject({ run: { input: Buffer.alloc(0) }, steps: [{ step: "a" }] });
  });

  it("says NOT_FOUND for a run there is not", async () => {
    const id = runId("0".repeat(20));
    const answer = await answerOf((callback) =>
      served.runs.getRun({ runId: id }, new Metadata(), deadlineIn(5_000), callback),
    );
    expect(failure(answer)).toMatchObject({ status: "NOT_FOUND", reason: "RUN_NOT_FOUND" });
  });

  const list = (over: object) =>
    answerOf<ListRunsResponse>((callback) =>
      served.runs.listRuns(
        {
          workflow: "",
          status: 0,
          startTimeFrom: undefined,
          startTimeUntil: undefined,
          pageSize: 0,
          pageToken: "",
          ...over,
        },
        new Metadata(),
        deadlineIn(5_000),
        callback,
      ),
    );

  it("lists in pages whose tokens belong to their filters", async () => {
    served.shards.page = { runs: [rowOf(pending, definition)], next: pending.runId };
    const first = await list({ workflow: "flow", status: RunStatus.RUNNING });
    if (first instanceof Error) throw first;
    expect(first).toMatchObject({ runs: [{ runId: pending.runId, input: Buffer.alloc(0) }] });
    const pageToken = "nextPageToken" in first ? first.nextPageToken : "";
    expect(pageToken).not.toBe("");
    served.shards.page = { runs: [], next: null };
    expect(await list({ workflow: "flow", status: RunStatus.RUNNING, pageToken })).toMatchObject({
      runs: [],
      nextPageToken: "",
    });
    expect(served.shards.lists.at(-1)).toMatchObject({
      before: pending.runId,
      workflow: "flow",
      status: "running",
      limit: 50,
    });
    expect(failure(await list({ pageToken })).violations[0]?.field).toBe("page_token");
  });

  it.each([
    ["page_size", { pageSize: 1_001 }],
    ["workflow", { workflow: "NO" }],
    ["start_time_until", { startTimeFrom: new Date(2_000), startTimeUntil: new Date(1_000) }],
    ["page_token", { pageToken: "###" }],
  ])("I8: refuses a bad %s", async (field, over) => {
    expect(failure(await list(over)).violations[0]?.field).toBe(field);
  });

  it("watches a run to its end", async () => {
    served.shards.views.set(pending.runId, viewOf(pending, definition));
    const call = served.runs.watchRun({ runId: pending.runId, timeline: true });
    const seen: WatchRunResponse[] = [];
    const over = new Promise<void>((resolve, reject) => call.on("end", resolve).on("error", reject));
    call.on("data", (response: WatchRunResponse) => {
      seen.push(response);
      if (seen.length === 1) served.shards.change(pending.runId, viewOf(ended, definition));
    });
    await over;
    expect(seen.map(({ run }) => run?.status)).toEqual([RunStatus.RUNNING, RunStatus.COMPLETED]);
    expect(seen[0]?.steps.length).toBe(1);
    expect(served.shards.watchers.get(pending.runId)?.size).toBe(0);
  });

  it("watches without an input of more than 64 KiB, and shows it with the end", async () => {
    const text = JSON.stringify("x".repeat(70_000));
    const input = await served.blobs.put(pending.runId, Buffer.from(text));
    served.shards.views.set(pending.runId, viewOf({ ...pending, input }, definition));
    const call = served.runs.watchRun({ runId: pending.runId, timeline: false });
    const seen: WatchRunResponse[] = [];
    const over = new Promise<void>((resolve, reject) => call.on("end", resolve).on("error", reject));
    call.on("data", (response: WatchRunResponse) => {
      seen.push(response);
      if (seen.length === 1) served.shards.change(pending.runId, viewOf({ ...ended, input }, definition));
    });
    await over;
    expect(seen.map(({ run }) => [run?.input.length, run?.omitted?.inputBytes])).toEqual([
      [0, text.length],
      [text.length, undefined],
    ]);
  });

  it("stops watching for a caller that goes away, and refuses a run there is not", async () => {
    served.shards.views.set(pending.runId, viewOf(pending, definition));
    const call = served.runs.watchRun({ runId: pending.runId, timeline: false });
    call.on("error", () => undefined);
    await new Promise((resolve) => call.once("data", resolve));
    call.cancel();
    await expect.poll(() => served.shards.watchers.get(pending.runId)?.size).toBe(0);
    const unknown = served.runs.watchRun({ runId: "0".repeat(20), timeline: false });
    expect(await new Promise((resolve) => unknown.on("error", resolve).on("data", () => undefined))).toMatchObject({
      code: status.NOT_FOUND,
    });
  });
});
