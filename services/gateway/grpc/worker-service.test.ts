import { type ClientDuplexStream, type ServiceError, status } from "@grpc/grpc-js";
import { type BlobRef, json, type Payload } from "@millrace/model/payload.ts";
import { FailureClass } from "@millrace/rpc/generated/millrace/v1/failures.ts";
import type {
  ConnectRequest,
  ConnectResponse,
  TaskHeartbeat,
  TaskRef,
  TaskResult,
  WorkerHello,
} from "@millrace/rpc/generated/millrace/v1/workers.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { done } from "../testdata/fake-shards.ts";
import { makeTask } from "../testdata/make-task.ts";
import { type ServedGateway, serveGateway } from "../testdata/served-gateway.ts";

let served: ServedGateway;
beforeAll(async () => {
  served = await serveGateway();
});
afterAll(() => served.close());
beforeEach(() => {
  served.shards.handed.length = 0;
  served.shards.reply = done;
});

type Call = ClientDuplexStream<ConnectRequest, ConnectResponse>;

const frame = (over: Partial<ConnectRequest>): ConnectRequest => ({
  hello: undefined,
  credits: 0,
  results: [],
  frame: 0,
  heartbeats: [],
  draining: false,
  ...over,
});

const hello = (over: Partial<WorkerHello> = {}): WorkerHello => ({
  name: "w",
  build: "b1",
  taskTypes: ["t"],
  holding: [],
  ...over,
});

class TestWorker {
  readonly call: Call;
  readonly frames: ConnectResponse[] = [];
  readonly over: Promise<ServiceError | undefined>;
  constructor() {
    this.call = served.workers.connect();
    this.call.on("data", (response: ConnectResponse) => this.frames.push(response));
    this.over = new Promise((resolve) => this.call.on("end", () => resolve(undefined)).on("error", resolve));
  }
  send(over: Partial<ConnectRequest>): void {
    this.call.write(frame(over));
  }
  tasks() {
    return this.frames.flatMap(({ tasks }) => tasks);
  }
  settled() {
    return this.frames.flatMap(({ settled }) => settled);
  }
  async finish(): Promise<ServiceError | undefined> {
    this.call.end();
    return this.over;
  }
}

const result = (over: Partial<TaskResult> = {}): TaskResult => ({
  runId: makeTask(1).runId,
  epoch: 1,
  step: 0,
  item: 0,
  attempt: 1,
  outcome: { $case: "output", value: Buffer.from("1") },
  logs: Buffer.alloc(0),
  ...over,
});

const GONE: BlobRef = { sha256: "0".repeat(64), bytes: 70_000 };
const refOf = (over: Partial<TaskRef> = {}): TaskRef => {
  const { runId, epoch, step, item, attempt } = result();
  return { runId, epoch, step, item, attempt, ...over };
};

const beat = (task: TaskRef | undefined): TaskHeartbeat => ({ task, progress: Buffer.alloc(0) });

const recorded = () =>
  served.shards.handed.flatMap(({ envelope: { command } }) => (command.type === "result" ? [command.result] : []));

/** What the shards were told of one result sent over the wire. */
async function report(over: Partial<TaskResult>) {
  const worker = new TestWorker();
  worker.send({ hello: hello() });
  worker.send({ results: [result(over)], frame: 1 });
  await expect.poll(() => worker.settled()).toEqual([1]);
  expect(await worker.finish()).toBe(undefined);
  const [told] = recorded();
  if (told === undefined) throw new Error("a result was handed in");
  return told;
}

describe("Connect", () => {
  it("welcomes a worker, hands it tasks and settles its results", async () => {
    const worker = new TestWorker();
    worker.send({ hello: hello(), credits: 2 });
    await expect.poll(() => worker.frames[0]?.welcome?.heartbeatIntervalMs).toBe(5_000);
    served.shards.enqueue(makeTask(1), makeTask(2, { item: 4 }));
    await expect.poll(() => worker.tasks().length).toBe(2);
    expect(worker.tasks()).toMatchObject([
      { runId: makeTask(1).runId, item: 0, attempt: 1, taskType: "t", input: Buffer.from('{"n":1}'), tenant: "acme" },
      { runId: makeTask(2).runId, item: 5, idempotencyKey: "k", timeoutMs: 10_000, stepName: "a", workflow: "flow" },
    ]);
    worker.send({ results: worker.tasks().map((task) => result({ runId: task.runId, item: task.item })), frame: 9 });
    await expect.poll(() => worker.settled()).toEqual([9]);
    expect(recorded()).toMatchObject([
      { item: -1, worker: "w@b1" },
      { item: 4, outcome: { type: "completed", output: "1" } },
    ]);
    expect(await worker.finish()).toBe(undefined);
  });

  it("ends a drained stream after its last frame is settled", async () => {
    const worker = new TestWorker();
    worker.send({ hello: hello(), credits: 1 });
    worker.send({ draining: true, results: [result()], frame: 3 });
    expect(await worker.finish()).toBe(undefined);
    expect(worker.settled()).toEqual([3]);
  });

  it.each<[string, Partial<ConnectRequest>]>([
    ["hello", { credits: 1 }],
    ["hello.name", { hello: hello({ name: "" }) }],
    ["hello.build", { hello: hello({ build: "b".repeat(65) }) }],
    ["hello.task_types", { hello: hello({ taskTypes: [] }) }],
    ["hello.task_types[1]", { hello: hello({ taskTypes: ["ok", "not ok"] }) }],
    ["credits", { hello: hello(), credits: 10_001 }],
    ["frame", { hello: hello(), results: [result()] }],
    ["results[1].step", { hello: hello(), frame: 1, results: [result(), result({ step: 512 })] }],
    ["results[0].item", { hello: hello(), frame: 1, results: [result({ item: 16_384 })] }],
    ["results[0].item", { hello: hello(), frame: 1, results: [result({ item: 4_294_967_295 })] }],
    ["results[0].attempt", { hello: hello(), frame: 1, results: [result({ attempt: 128 })] }],
    ["results[0].attempt", { hello: hello(), frame: 1, results: [result({ attempt: 0 })] }],
    ["results[0].epoch", { hello: hello(), frame: 1, results: [result({ epoch: 8_388_608 })] }],
    ["results[0].epoch", { hello: hello(), frame: 1, results: [result({ epoch: 0 })] }],
    ["hello.holding[0].step", { hello: hello({ holding: [refOf({ step: 4_294_967_295 })] }) }],
    ["heartbeats[1].task.attempt", { hello: hello(), heartbeats: [beat(undefined), beat(refOf({ attempt: 999 }))] }],
  ])("I8: refuses a bad %s", async (field, over) => {
    const worker = new TestWorker();
    worker.send(over);
    const error = await worker.over;
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining(field) });
    expect(served.shards.handed).toEqual([]);
  });

  it("I8: fails a step whose output is no JSON, naming the place", async () => {
    const told = await report({ outcome: { $case: "output", value: Buffer.from("[1,") } });
    expect(told.outcome).toMatchObject({
      type: "failed",
      failure: { code: "OUTPUT_NOT_JSON", class: "permanent", message: expect.stringContaining("byte 3") },
    });
  });

  it("I1: stores a large output before the result that names it", async () => {
    const value = Buffer.from(JSON.stringify("z".repeat(100_000)));
    const { outcome, runId } = await report({ outcome: { $case: "output", value } });
    const output: Payload = outcome.type === "completed" ? outcome.output : json("null");
    if (typeof output === "string") throw new Error("the output is a blob");
    expect(await served.blobs.get(runId, output)).toEqual(value);
  });

  it("I1, I9: settles what finds no room on a full disk when there is some, and the stream goes on meanwhile", async () => {
    served.blobs.full = true;
    const worker = new TestWorker();
    const value = Buffer.from(JSON.stringify("z".repeat(100_000)));
    const [large, small] = [makeTask(11), makeTask(12)];
    worker.send({ hello: hello(), credits: 3 });
    served.shards.enqueue(large, small, makeTask(13));
    await expect.poll(() => worker.tasks().length).toBe(3);
    worker.send({ results: [result({ runId: large.runId, outcome: { $case: "output", value } })], frame: 1 });
    worker.send({ results: [result({ runId: small.runId })], frame: 2 });
    await expect.poll(() => worker.settled()).toEqual([2]);
    const progress = Buffer.from('{"p":1}');
    worker.send({ heartbeats: [{ task: refOf({ runId: makeTask(13).runId }), progress }] });
    await expect.poll(() => served.gateway.hub.live(makeTask(13))?.progress).toBe('{"p":1}');
    expect(recorded().map(({ runId }) => runId)).toEqual([small.runId]);
    served.blobs.full = false;
    await expect.poll(() => worker.settled()).toEqual([2, 1]);
    expect(recorded().at(-1)).toMatchObject({ runId: large.runId, outcome: { output: { bytes: value.length } } });
    worker.send({ results: [result({ runId: makeTask(13).runId })], frame: 3 });
    expect(await worker.finish()).toBe(undefined);
  });

  it("ends a half-closed stream when what waited for room is settled", async () => {
    served.blobs.full = true;
    const worker = new TestWorker();
    const value = Buffer.from(JSON.stringify("z".repeat(100_000)));
    worker.send({ hello: hello() });
    worker.send({ draining: true, results: [result({ outcome: { $case: "output", value } })], frame: 1 });
    worker.send({ results: [result()], frame: 2 });
    await expect.poll(() => worker.settled()).toEqual([2]);
    const over = worker.finish();
    served.blobs.full = false;
    expect(await over).toBe(undefined);
    expect(worker.settled()).toEqual([2, 1]);
  });

  it("takes failures and cancellations, with bounds on their words", async () => {
    const failure = {
      code: "",
      class: FailureClass.UNSPECIFIED,
      message: "m".repeat(5_000),
      guidance: "",
      retryAfterMs: 1e12,
    };
    const told = await report({ outcome: { $case: "failure", value: failure } });
    expect(told.outcome).toMatchObject({
      failure: { code: "WORKER_ERROR", class: "transient", retryAfterMs: 86_400_000 },
    });
    if (told.outcome.type === "failed") expect(told.outcome.failure.message.length).toBe(4_096);
    served.shards.handed.length = 0;
    expect((await report({ outcome: { $case: "cancelled", value: true } })).outcome).toEqual({ type: "cancelled" });
  });

  it("keeps logs, and says so when they are dropped", async () => {
    expect((await report({ logs: Buffer.from('[{"msg":"hi"}]') })).logs).toBe('[{"msg":"hi"}]');
    served.shards.handed.length = 0;
    expect((await report({ logs: Buffer.alloc(70_000, "x") })).logs).toContain("64 KiB");
    served.shards.handed.length = 0;
    expect((await report({ logs: Buffer.from("{}") })).logs).toContain("not a JSON array");
  });

  it("sends a large input, read from its blob", async () => {
    const input = Buffer.from(JSON.stringify("i".repeat(100_000)));
    const ref = await served.blobs.put(makeTask(5).runId, input);
    const worker = new TestWorker();
    worker.send({ hello: hello(), credits: 1 });
    served.shards.enqueue(makeTask(5, { input: ref }));
    await expect.poll(() => worker.tasks()[0]?.input.equals(input)).toBe(true);
    worker.send({ results: [result({ runId: makeTask(5).runId })], frame: 1 });
    await worker.finish();
  });

  it("sends a list of outputs, some of them blobs, as one input", async () => {
    const { runId } = makeTask(5);
    const large = JSON.stringify("i".repeat(100_000));
    const ref = await served.blobs.put(runId, Buffer.from(large));
    const worker = new TestWorker();
    worker.send({ hello: hello(), credits: 1 });
    served.shards.enqueue(makeTask(5, { input: [json("1"), ref, json("[]"), ref] }));
    await expect.poll(() => worker.tasks()[0]?.input.toString()).toBe(`[1,${large},[],${large}]`);
    worker.send({ results: [result({ runId })], frame: 1 });
    await worker.finish();
  });

  it.each<[string, Payload | readonly Payload[]]>([
    ["is gone", GONE],
    ["is gone from a list", [json("1"), GONE]],
    ["is damaged", GONE],
  ])("fails a task for good whose blob %s", async (what, input) => {
    served.blobs.damaged = what === "is damaged";
    const worker = new TestWorker();
    worker.send({ hello: hello(), credits: 1 });
    served.shards.enqueue(makeTask(5, { input }));
    await expect
      .poll(recorded)
      .toMatchObject([{ outcome: { type: "failed", failure: { code: "BLOB_LOST", class: "permanent" } } }]);
    served.blobs.damaged = false;
    await worker.finish();
  });

  it("shows progress of a running attempt", async () => {
    const worker = new TestWorker();
    worker.send({ hello: hello(), credits: 1 });
    served.shards.enqueue(makeTask(6));
    await expect.poll(() => worker.tasks().length).toBe(1);
    const { runId, epoch, step, item, attempt } = result({ runId: makeTask(6).runId });
    worker.send({ heartbeats: [{ task: { runId, epoch, step, item, attempt }, progress: Buffer.from('{"p":1}') }] });
    await expect.poll(() => served.gateway.hub.live(makeTask(6))?.progress).toBe('{"p":1}');
    worker.send({ results: [result({ runId })], frame: 1 });
    await worker.finish();
  });

  it("I3: a worker that reconnects keeps what it holds and its frame is settled once", async () => {
    const first = new TestWorker();
    first.send({ hello: hello(), credits: 1 });
    served.shards.enqueue(makeTask(7));
    await expect.poll(() => first.tasks().length).toBe(1);
    first.call.cancel();
    await first.over;
    const token = { runId: makeTask(7).runId, epoch: 1, step: 0, item: 0, attempt: 1 };
    const again = new TestWorker();
    again.send({ hello: hello({ holding: [token] }), credits: 1 });
    await expect.poll(() => again.frames.length).toBeGreaterThan(0);
    served.shards.enqueue(makeTask(7), makeTask(8));
    await expect.poll(() => again.tasks().map((task) => task.runId)).toEqual([makeTask(8).runId]);
    again.send({ results: [result({ runId: token.runId }), result({ runId: makeTask(8).runId })], frame: 1 });
    await expect.poll(() => again.settled()).toEqual([1]);
    expect(recorded().map(({ runId, startedMs }) => [runId, startedMs > 0])).toEqual([
      [makeTask(7).runId, true],
      [makeTask(8).runId, true],
    ]);
    await again.finish();
  });
});
