import { status } from "@grpc/grpc-js";
import { FailureClass } from "@millrace/rpc/generated/millrace/v1/failures.ts";
import type { TaskResult } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TaskContext } from "./attempt.ts";
import { PermanentError, TransientError } from "./task-errors.ts";
import { type ServedStream, startWorkerServer, testTask, type WorkerServer } from "./testing/worker-server.ts";
import { createWorker, type Worker, type WorkerOptions } from "./worker.ts";

/** A worker that is stopped when the test ends. */
class Working implements AsyncDisposable {
  readonly worker: Worker;
  readonly #server: WorkerServer;

  constructor(server: WorkerServer, options: WorkerOptions = {}) {
    this.#server = server;
    this.worker = createWorker({ address: server.address, name: "unit", build: "b1", ...options });
  }

  /** Starts, and returns the first stream, welcomed. */
  async on(server: WorkerServer, heartbeatIntervalMs?: number): Promise<ServedStream> {
    const started = this.worker.start();
    const stream = await server.stream(0);
    stream.welcome(heartbeatIntervalMs);
    await started;
    await stream.until("credits", () => stream.credits > 0);
    return stream;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#server.streams) if (!stream.over) stream.settleAll();
    await this.worker.stop({ timeoutMs: 0 }).catch(() => undefined);
  }
}

/** A handler whose attempts end when the test says so. */
class Gate {
  readonly entered: TaskContext[] = [];
  readonly #open: PromiseWithResolvers<unknown>[] = [];
  #arrived = Promise.withResolvers<void>();

  readonly handler = (_input: unknown, ctx: TaskContext): Promise<unknown> => {
    const gate = Promise.withResolvers<unknown>();
    this.entered.push(ctx);
    this.#open.push(gate);
    ctx.signal.addEventListener("abort", () => {
      if (String(ctx.signal.reason).includes("worker stops")) gate.reject(ctx.signal.reason);
    });
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers<void>();
    return gate.promise;
  };

  async arrivals(count: number): Promise<void> {
    while (this.entered.length < count) await this.#arrived.promise;
  }

  release(ordinal: number, value: unknown = null): void {
    this.#open[ordinal]?.resolve(value);
  }
}

const outputOf = (result: TaskResult): unknown =>
  result.outcome?.$case === "output" ? JSON.parse(result.outcome.value.toString() || "null") : undefined;
const failureOf = (result: TaskResult | undefined) =>
  result?.outcome?.$case === "failure" ? result.outcome.value : undefined;

describe("a worker", () => {
  test("hands on every digit of its input, if it is told how to parse", async () => {
    await using server = await startWorkerServer();
    const parsePayload = (text: string): unknown => {
      const value: unknown = JSON.parse(text, (_key, part: unknown, { source = "" }: { source?: string } = {}) =>
        typeof part === "number" ? JSON.rawJSON(source) : part,
      );
      return value;
    };
    await using working = new Working(server, { parsePayload });
    working.worker.handle("test", (input) => input);
    const stream = await working.on(server);
    const input = Buffer.from('{"id":12345678901234567890,"n":1.50}');
    stream.hand(testTask({ input }));
    const result = await stream.until("a result", () => stream.results[0]);
    expect(result.outcome).toEqual({ $case: "output", value: input });
  });

  test("says who it is, grants its capacity, and answers tasks with their outputs", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server, { capacity: 7 });
    working.worker.handle<{ n: number }>("test", (input, ctx) => ({ n: input.n + 1, key: ctx.idempotencyKey }));
    const stream = await working.on(server);
    expect(stream.frames[0]?.hello).toEqual({ name: "unit", build: "b1", taskTypes: ["test"], holding: [] });
    expect(stream.credits).toBe(7);
    const task = testTask({ input: Buffer.from('{"n":41}'), item: 3, attempt: 2, epoch: 4, step: 5 });
    stream.hand(task);
    const result = await stream.until("a result", () => stream.results[0]);
    expect(outputOf(result)).toEqual({ n: 42, key: task.idempotencyKey });
    const { runId } = task;
    expect(result).toMatchObject({ runId, epoch: 4, step: 5, item: 3, attempt: 2 });
    await stream.until("the credit back", () => stream.credits === 7);
  });

  test("tells handlers about their attempt", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server);
    working.worker.handle("test", (input, ctx) => {
      const { runId, attempt, step, item, workflow, tenant } = ctx;
      return { input, runId, attempt, step, item, workflow, tenant, left: ctx.deadline.getTime() - Date.now() };
    });
    const stream = await working.on(server);
    const task = testTask({ item: 1 });
    stream.hand(task);
    const output = outputOf(await stream.until("a result", () => stream.results[0]));
    const { runId } = task;
    const named = { input: null, runId, attempt: 1, step: "step", item: 0, workflow: "workflow", tenant: "tenant" };
    expect(output).toMatchObject(named);
    expect(output).toHaveProperty("left", expect.closeTo(60_000, -4));
  });

  test.each([
    ["undefined", undefined, { $case: "output", value: Buffer.alloc(0) }],
    ["a promise of null", Promise.resolve(null), { $case: "output", value: Buffer.alloc(0) }],
    ["a promise", Promise.resolve([1]), { $case: "output", value: Buffer.from("[1]") }],
    ["a function", () => 1, "OUTPUT_NOT_JSON"],
    ["a BigInt", 1n, "OUTPUT_NOT_JSON"],
    ["more than the server takes", "x".repeat(1_000), "PAYLOAD_TOO_LARGE"],
  ])("sends %s as what it is", async (_name, value, expected) => {
    await using server = await startWorkerServer();
    await using working = new Working(server);
    working.worker.handle("test", () => value);
    const started = working.worker.start();
    const stream = await server.stream(0);
    stream.welcome(1_000, 100);
    await started;
    stream.hand(testTask());
    const result = await stream.until("a result", () => stream.results[0]);
    if (typeof expected !== "string") expect(result.outcome).toEqual(expected);
    else expect(failureOf(result)).toMatchObject({ code: expected, class: FailureClass.PERMANENT });
  });

  test("sends what handlers throw, classified or not", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server);
    const throws: (() => unknown)[] = [
      () => {
        throw new TransientError("busy", { code: "BUSY", retryAfterMs: 1_500.2, guidance: "wait" });
      },
      async () => {
        throw new PermanentError("GONE", "it is gone", "take it out");
      },
      () => {
        throw new TypeError("x is undefined");
      },
      () => Promise.reject("just text"),
    ];
    working.worker.handle<number>("test", (input) => throws[input]?.());
    const stream = await working.on(server);
    stream.hand(...throws.map((_, n) => testTask({ step: n, input: Buffer.from(String(n)) })));
    await stream.until("all results", () => stream.results.length === throws.length);
    const failures = stream.results.toSorted((a, b) => a.step - b.step).map(failureOf);
    const { TRANSIENT, PERMANENT, UNSPECIFIED } = FailureClass;
    expect(failures[0]).toEqual({
      code: "BUSY",
      class: TRANSIENT,
      message: "busy",
      guidance: "wait",
      retryAfterMs: 1_501,
    });
    expect(failures[1]).toMatchObject({ code: "GONE", class: PERMANENT, guidance: "take it out" });
    expect(failures[2]).toMatchObject({
      code: "WORKER_ERROR",
      class: UNSPECIFIED,
      message: "TypeError: x is undefined",
    });
    expect(failures[3]).toMatchObject({ code: "WORKER_ERROR", class: UNSPECIFIED });
    const crashed = stream.results.find((result) => result.step === 2);
    expect(crashed?.logs.toString()).toContain("worker.test.ts");
  });

  test("refuses options out of bounds, and a start without handlers", async () => {
    expect(() => createWorker({ capacity: 0 })).toThrow(RangeError);
    expect(() => createWorker({ capacity: 10_001 })).toThrow(RangeError);
    expect(() => createWorker({ name: "" })).toThrow(RangeError);
    expect(() => createWorker().handle("no spaces", () => null)).toThrow(RangeError);
    await expect(createWorker().start()).rejects.toThrow("no handlers");
  });

  test("ends with the reason when a server refuses it for good", async () => {
    await using server = await startWorkerServer();
    const worker = createWorker({ address: server.address }).handle("test", () => null);
    const started = worker.start();
    const stream = await server.stream(0);
    stream.fail(status.INVALID_ARGUMENT, "a bad task type");
    await expect(started).rejects.toThrow("a bad task type");
    await expect(worker.closed).rejects.toThrow("INVALID_ARGUMENT");
  });
});

describe("batches and credits", () => {
  test("results of one turn of the event loop leave in one frame, with their credits", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server, { capacity: 5_000 });
    working.worker.handle("test", () => null);
    const stream = await working.on(server);
    const framesBefore = stream.frames.length;
    stream.hand(...Array.from({ length: 1_000 }, () => testTask()));
    await stream.until("all results", () => stream.results.length === 1_000);
    const frames = stream.frames.slice(framesBefore);
    expect(frames.length).toBeLessThanOrEqual(4);
    expect(frames.reduce((sum, frame) => sum + frame.credits, 0)).toBe(1_000);
    expect(frames.every((frame) => frame.results.length <= 2_000)).toBe(true);
  });

  test("no frame has more than 2,000 results or 2 MiB unless one result is larger", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server, { capacity: 5_000 });
    working.worker.handle<number>("test", (bytes) => "x".repeat(bytes));
    const stream = await working.on(server);
    const sizes = [...Array.from({ length: 4_500 }, () => 1), 3_000_000, ...Array.from({ length: 9 }, () => 400_000)];
    stream.hand(...sizes.map((bytes) => testTask({ input: Buffer.from(String(bytes)) })));
    await stream.until("all results", () => stream.results.length === sizes.length);
    for (const { results } of stream.frames) {
      expect(results.length).toBeLessThanOrEqual(2_000);
      const bytes = results.map((result) => (result.outcome?.$case === "output" ? result.outcome.value.length : 0));
      if (results.length > 1) expect(bytes.reduce((sum, n) => sum + n, 0)).toBeLessThan(2 * 1024 * 1024);
    }
  });

  test("I9: attempts under way plus unused credits never exceed the capacity", async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 30 }),
      async (capacity, batches) => {
        await using server = await startWorkerServer();
        await using working = new Working(server, { capacity });
        let running = 0;
        let runningMost = 0;
        working.worker.handle<number>("test", (turns) => {
          running += 1;
          runningMost = Math.max(runningMost, running);
          const leave = (): void => {
            running -= 1;
          };
          if (turns === 0) return leave();
          return new Promise<void>((resolve) => setImmediate(resolve)).then(leave);
        });
        const stream = await working.on(server);
        let resultsSeen = 0;
        for (const [n, batch] of batches.entries()) {
          const count = Math.min(batch, await stream.until("credits", () => stream.credits));
          stream.hand(...Array.from({ length: count }, () => testTask({ input: Buffer.from(String(n % 2)) })));
          resultsSeen = stream.results.length;
          expect(stream.credits + stream.handedOut - resultsSeen).toBeLessThanOrEqual(capacity);
        }
        await stream.until("all results", () => stream.results.length === stream.handedOut);
        await stream.until("all credits", () => stream.credits === capacity);
        expect(runningMost).toBeLessThanOrEqual(capacity);
      },
    );
    await fc.assert(property, { numRuns: 15 });
  });

  test("tasks beyond the credits are not run; the stream is given up", async () => {
    await using server = await startWorkerServer();
    const reasons: string[] = [];
    await using working = new Working(server, { capacity: 2, onDisconnected: (reason) => reasons.push(reason) });
    const gate = new Gate();
    working.worker.handle("test", gate.handler);
    const stream = await working.on(server);
    stream.hand(testTask(), testTask(), testTask());
    const next = await server.stream(1);
    expect(next.frames[0]?.hello?.holding).toEqual([]);
    expect(gate.entered).toEqual([]);
    expect(reasons[0]).toContain("3 tasks for 2 credits");
  });

  test("slow synchronous handlers let results out between them", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server);
    working.worker.handle("test", () => {
      const untilMs = performance.now() + 6;
      while (performance.now() < untilMs);
    });
    const stream = await working.on(server);
    stream.hand(...Array.from({ length: 12 }, () => testTask()));
    await stream.until("all results", () => stream.results.length === 12);
    expect(stream.frames.filter((frame) => frame.results.length > 0).length).toBeGreaterThan(2);
  });
});

describe("reconnecting", () => {
  test("I6: unsettled results are sent again under their frame's number, attempts under way go on", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server);
    const gate = new Gate();
    working.worker.handle("test", gate.handler);
    const first = await working.on(server);
    first.settling = false;
    const [done, open] = [testTask(), testTask()];
    first.hand(done, open);
    await gate.arrivals(2);
    gate.release(0, "done");
    await first.until("a result", () => first.results.length === 1);
    first.fail(status.UNAVAILABLE, "restart");

    const second = await server.stream(1);
    const held = second.frames[0]?.hello?.holding.map((ref) => ref.runId);
    expect(held?.toSorted()).toEqual([done.runId, open.runId].toSorted());
    second.welcome();
    const again = await second.until("the result again", () => second.frames.find((frame) => frame.results.length > 0));
    expect(again.frame).toBe(1);
    expect(again.results[0]?.runId).toBe(done.runId);
    gate.release(1, "later");
    await second.until("the other result", () => second.results.length === 2);
    expect(second.frames.at(-1)?.frame).toBe(2);
    expect(gate.entered.length).toBe(2);
  });

  test("a settled result is not sent again", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server, { capacity: 3 });
    working.worker.handle("test", () => null);
    const first = await working.on(server);
    first.hand(testTask());
    await first.until("the result", () => first.results.length === 1);
    // A second round trip: the settlement of the first frame has arrived by then.
    first.hand(testTask());
    await first.until("the result", () => first.results.length === 2);
    first.settling = false;
    first.fail(status.UNAVAILABLE, "restart");
    const second = await server.stream(1);
    expect(second.frames[0]?.hello?.holding.length).toBeLessThan(2);
    second.welcome();
  });

  test("I3: a task handed out again while it is held is not run again", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server, { capacity: 4 });
    const gate = new Gate();
    working.worker.handle("test", gate.handler);
    const stream = await working.on(server);
    stream.settling = false;
    const [running, done, other] = [testTask(), testTask(), testTask()];
    stream.hand(running, done);
    await gate.arrivals(2);
    gate.release(1, "done");
    await stream.until("a result", () => stream.results.length === 1);
    stream.hand(running, done, other);
    await gate.arrivals(3);
    await stream.until("the result again", () => stream.results.length === 2);
    expect(stream.results[1]).toEqual(stream.results[0]);
    expect(gate.entered.map((ctx) => ctx.runId)).toEqual([running.runId, done.runId, other.runId]);
    await stream.until("the credits back", () => stream.credits === 2);
  });

  test("finds a server that was killed and came back", async () => {
    const server = await startWorkerServer();
    const port = Number(server.address.split(":")[1]);
    await using working = new Working(server);
    working.worker.handle("test", () => "here");
    await working.on(server);
    server.kill();
    await using back = await startWorkerServer(port);
    const stream = await back.stream(0);
    stream.welcome();
    await stream.until("credits", () => stream.credits > 0);
    stream.hand(testTask());
    expect(outputOf(await stream.until("a result", () => stream.results[0]))).toBe("here");
    await working.worker.stop();
  });

  test("leaves a server that is about to stop when its attempts are over", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server, { capacity: 2 });
    const gate = new Gate();
    working.worker.handle("test", gate.handler);
    const stream = await working.on(server);
    stream.hand(testTask());
    await gate.arrivals(1);
    stream.credits -= 1;
    stream.send({ draining: true, tasks: [testTask()] });
    await gate.arrivals(2);
    gate.release(0);
    gate.release(1);
    await stream.until("half-close", () => stream.halfClosed);
    expect(stream.results.length).toBe(2);
    expect(stream.credits).toBe(0);
    const next = await server.stream(1);
    expect(next.frames[0]?.hello?.holding).toEqual([]);
  });
});

describe("stopping", () => {
  test("drains: no more credits, attempts finish, results settle, half-close", async () => {
    await using server = await startWorkerServer();
    const working = new Working(server, { capacity: 4 });
    const gate = new Gate();
    working.worker.handle("test", gate.handler);
    const stream = await working.on(server);
    stream.settling = false;
    stream.hand(testTask());
    await gate.arrivals(1);
    const stopped = working.worker.stop();
    await stream.until("draining", () => stream.frames.some((frame) => frame.draining));
    gate.release(0, "last");
    const frame = await stream.until("the result", () => stream.frames.find(({ results }) => results.length > 0));
    expect(frame.credits).toBe(0);
    expect(stream.halfClosed).toBe(false);
    stream.send({ settled: [frame.frame] });
    await stream.until("half-close", () => stream.halfClosed);
    stream.end();
    await stopped;
    await working.worker.closed;
  });

  test("aborts handlers that do not finish in time, and sends their word", async () => {
    await using server = await startWorkerServer();
    const working = new Working(server);
    const gate = new Gate();
    working.worker.handle("test", gate.handler);
    const stream = await working.on(server);
    stream.hand(testTask());
    await gate.arrivals(1);
    await working.worker.stop({ timeoutMs: 50 });
    expect(failureOf(stream.results[0])).toMatchObject({ code: "WORKER_LOST", class: FailureClass.TRANSIENT });
  });

  test("before the start, and with no server in reach, is immediate", async () => {
    const idle = createWorker();
    await idle.stop();
    await idle.closed;
    const failed = Promise.withResolvers<void>();
    const lonely = createWorker({ address: "127.0.0.1:1", onDisconnected: () => failed.resolve() });
    const started = lonely.handle("test", () => null).start();
    await failed.promise;
    await lonely.stop();
    await expect(started).rejects.toThrow("before a server greeted");
  });
});

describe("attempts under way", () => {
  test("hear of cancels; what they throw then is a cancelled result", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server);
    const entered = Promise.withResolvers<void>();
    working.worker.handle("test", (_input, ctx) => {
      const { promise, reject } = Promise.withResolvers<void>();
      ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason));
      entered.resolve();
      return promise;
    });
    const stream = await working.on(server);
    const task = testTask();
    stream.hand(task);
    await entered.promise;
    stream.send({ cancels: [task, testTask()] });
    const result = await stream.until("a result", () => stream.results[0]);
    expect(result.outcome).toEqual({ $case: "cancelled", value: true });
  });

  test("may finish all the same after a cancel", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server);
    const gate = new Gate();
    working.worker.handle("test", gate.handler);
    const stream = await working.on(server);
    const [task, marker] = [testTask(), testTask()];
    stream.hand(task);
    await gate.arrivals(1);
    stream.send({ cancels: [task], tasks: [marker] });
    stream.credits -= 1;
    await gate.arrivals(2);
    expect(gate.entered[0]?.signal.aborted).toBe(true);
    expect(gate.entered[1]?.signal.aborted).toBe(false);
    gate.release(0, "anyway");
    expect(outputOf(await stream.until("a result", () => stream.results[0]))).toBe("anyway");
  });

  test("hear of their deadline", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server);
    working.worker.handle(
      "test",
      (_input, ctx) =>
        new Promise((_resolve, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))),
    );
    const stream = await working.on(server);
    stream.hand(testTask({ timeoutMs: 1 }));
    const result = await stream.until("a result", () => stream.results[0]);
    expect(failureOf(result)).toMatchObject({ code: "ATTEMPT_TIMEOUT", class: FailureClass.TRANSIENT });
  });

  test("show signs of life and progress once an interval", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server);
    const gate = new Gate();
    working.worker.handle("test", gate.handler);
    const stream = await working.on(server, 20);
    const task = testTask();
    stream.hand(task);
    await gate.arrivals(1);
    gate.entered[0]?.heartbeat({ done: 3 });
    gate.entered[0]?.heartbeat("x".repeat(5_000));
    const beat = await stream.until("progress", () =>
      stream.frames.flatMap((frame) => frame.heartbeats).find((heartbeat) => heartbeat.progress.length > 0),
    );
    expect(beat.progress.toString()).toBe('{"done":3}');
    expect(beat.task?.runId).toBe(task.runId);
    const beats = stream.frames.length;
    await stream.until("two more", () => stream.frames.length >= beats + 2);
    gate.release(0);
    const result = await stream.until("the result", () => stream.results[0]);
    expect(result.logs.toString()).toContain("progress was not sent");
  });

  test("keep at most 64 KiB of log lines, then one line truncated", async () => {
    await using server = await startWorkerServer();
    await using working = new Working(server);
    working.worker.handle("test", (_input, ctx) => {
      ctx.log.info("first", { order: 7 });
      ctx.log.warn("cycle", { self: 1n });
      for (let n = 0; n < 1_000; n++) ctx.log.error("ü".repeat(100));
    });
    const stream = await working.on(server);
    stream.hand(testTask());
    const { logs } = await stream.until("a result", () => stream.results[0]);
    expect(logs.length).toBeLessThanOrEqual(64 * 1024);
    expect(logs.length).toBeGreaterThan(60 * 1024);
    const lines: unknown = JSON.parse(logs.toString());
    expect(Array.isArray(lines) && lines[0]).toMatchObject({ level: "info", msg: "first", fields: { order: 7 } });
    expect(Array.isArray(lines) && lines[1]).toMatchObject({ level: "warn", msg: "cycle" });
    expect(Array.isArray(lines) && lines.at(-1)).toMatchObject({ msg: "truncated" });
  });
});
