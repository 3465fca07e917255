import { json } from "@millrace/model/payload.ts";
import type { Task, TaskToken } from "@millrace/model/task.ts";
import { describe, expect, it } from "vitest";
import { ONE_STEP, ShardBench, TENANT, TWO_STEPS, tenantOf, text } from "../testdata/shard-bench.ts";

const WIDE = "name: wide\nsteps:\n  each: { forEach: '${input}', maxConcurrency: 1000, uses: work }\n";

describe("tasks", () => {
  it("I7: tenants take turns, however many tasks one of them has", async () => {
    const bench = await ShardBench.open(WIDE);
    await bench.start("wide", JSON.stringify(Array.from({ length: 200 }, () => 1)), tenantOf("noisy"));
    await bench.start("wide", "[1,2,3]", tenantOf("quiet"));
    const tenants = bench.pull(8).map(({ tenant }) => tenant);
    expect(tenants.filter((tenant) => tenant === "quiet")).toHaveLength(3);
    expect(bench.shard.load.waiting.get("work")).toBe(195);
  });

  it("carry what their worker needs, and the same idempotency key for every attempt", async () => {
    const bench = await ShardBench.open(TWO_STEPS);
    const runId = await bench.start("two", '{"n":1}');
    const [first] = bench.pull();
    expect(first).toEqual({
      ...{ runId, epoch: 1, step: 0, item: -1, attempt: 1, tenant: TENANT, workflow: "two", stepName: "a" },
      ...{ taskType: "work", input: '{"n":1}', idempotencyKey: `${runId}-1-0-0`, timeoutMs: 300_000 },
    });
    if (first === undefined) throw new Error("No task.");
    const failure = { code: "BUSY", class: "transient", message: "", guidance: "", retryAfterMs: 0 } as const;
    await bench.ask(bench.resultOf(first, { type: "failed", failure }));
    await bench.pass(60_000);
    const [second] = bench.pull();
    expect(second).toEqual({ ...first, attempt: 2 });
    if (second === undefined) throw new Error("No task.");
    await bench.complete(second, '{"out":2}');
    expect(bench.pull()).toMatchObject([{ step: 1, input: '{"out":2}', idempotencyKey: `${runId}-1-1-0` }]);
  });

  it("are handed out once, and again after a crash", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    expect([bench.pull(), bench.pull()]).toMatchObject([[{ runId, attempt: 1 }], []]);
    await bench.crash();
    expect([bench.pull(), bench.pull()]).toMatchObject([[{ runId, attempt: 1 }], []]);
  });

  it("are announced by type, and only those asked for are given", async () => {
    const bench = await ShardBench.open("name: both\nsteps:\n  a: { uses: red }\n  b: { uses: blue }\n");
    await bench.start("both");
    expect(bench.demands.toSorted()).toEqual(["blue", "red"]);
    expect(bench.pull(10, "red").map(({ stepName }) => stepName)).toEqual(["a"]);
    expect(bench.pull(10, "green")).toEqual([]);
    expect(bench.pull(1, "blue", "red").map(({ stepName }) => stepName)).toEqual(["b"]);
  });

  it("I7: of one type do not keep a worker from those of another", async () => {
    const bench = await ShardBench.open(
      "name: both\nsteps:\n  a: { forEach: '${input}', maxConcurrency: 1000, uses: first }\n  z: { uses: second }\n",
    );
    await bench.start("both", JSON.stringify(Array.from({ length: 100 }, () => 1)));
    expect(bench.pull(4, "first", "second").map(({ taskType }) => taskType)).toContain("second");
  });

  it("I9: that nobody waits for do not pile up in the queue of a type that nobody serves", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    for (let run = 0; run < 600; run++) {
      const runId = await bench.start("one");
      await bench.ask({ type: "terminate", tenant: TENANT, runId, reason: "" });
    }
    expect(bench.shard.load.waiting.get("work")).toBe(0);
    expect(bench.pull()).toEqual([]);
  });

  it("are counted as waiting until they are asked for, when their run has ended and its end is not durable yet", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    bench.log.latencyMs = 10;
    bench.send({ type: "terminate", tenant: TENANT, runId, reason: "" });
    await bench.settle();
    expect(bench.pull()).toEqual([]);
    await bench.pass(20);
    expect(await bench.status(runId)).toBe("terminated");
    expect(bench.shard.load.waiting.get("work")).toBe(0);
  });

  it("of a list with blobs in it name these, and the shard reads none of them", async () => {
    const bench = await ShardBench.open(
      "name: join\nsteps:\n  each: { forEach: '${input}', uses: work }\n  all: { needs: [each], uses: sum }\n",
    );
    const runId = await bench.start("join", "[1,2]");
    const [one, two] = bench.pull();
    if (one === undefined || two === undefined) throw new Error("No tasks.");
    const nowhere = { sha256: "0".repeat(64), bytes: 70_000 };
    await bench.ask(bench.resultOf(one, { type: "completed", output: nowhere }));
    await bench.complete(two, "2");
    const [sum] = bench.pull(10, "sum");
    expect(sum).toMatchObject({ input: [nowhere, "2"] });
    if (sum === undefined) throw new Error("No task.");
    await bench.complete(sum);
    expect(await bench.status(runId)).toBe("completed");
    expect(bench.blobs.reads).toEqual([]);
  });
});

describe("after a restart", () => {
  async function restarted() {
    const bench = await ShardBench.open(ONE_STEP);
    await bench.start("one");
    await bench.start("one");
    const [first, second] = bench.pull();
    if (first === undefined || second === undefined) throw new Error("No tasks.");
    await bench.crash(0, false);
    bench.demands.length = 0;
    return { bench, first, second };
  }

  it("tasks that may be with workers wait for these to come back, and new ones do not", async () => {
    const { bench, first, second } = await restarted();
    expect([bench.pull(), bench.demands]).toEqual([[], []]);
    const fresh = await bench.start("one");
    expect(bench.pull()).toMatchObject([{ runId: fresh }]);
    expect(bench.shard.load.waiting.get("work")).toBe(2);
    bench.demands.length = 0;
    bench.shard.tasks.workersAreBack();
    await bench.settle();
    expect(bench.demands).toEqual(["work"]);
    expect(bench.pull()).toEqual([first, second]);
    expect(bench.shard.load.waiting.get("work")).toBe(0);
  });

  it("a task that a worker announces is with it, before the others are given out and after", async () => {
    const { bench, first, second } = await restarted();
    const hold = async (task: Task): Promise<readonly TaskToken[]> => {
      const owed: TaskToken[] = [];
      bench.shard.tasks.hold(bench, [{ ...task, isKnown: false, isPresent: true }], false, (announced) =>
        owed.push(...announced.owed),
      );
      await bench.settle();
      return owed;
    };
    expect(await hold(first)).toMatchObject([{ runId: first.runId }]);
    bench.shard.tasks.workersAreBack();
    await bench.settle();
    expect(await hold(second)).toMatchObject([{ runId: second.runId }]);
    expect([bench.pull(), bench.shard.load.waiting.get("work")]).toEqual([[], 0]);
    // Asked to stop, not answered for.
    await bench.ask({ type: "cancel", tenant: TENANT, runId: second.runId, reason: "" });
    expect(bench.withdrawn).toMatchObject([{ runId: second.runId }]);
    await bench.complete(first);
    expect(await bench.status(first.runId)).toBe("completed");
  });

  it("a run cancelled meanwhile ends at once: nobody is known to have its task", async () => {
    const { bench, first, second } = await restarted();
    await bench.ask({ type: "cancel", tenant: TENANT, runId: first.runId, reason: "" });
    expect(await bench.status(first.runId)).toBe("cancelled");
    bench.shard.tasks.workersAreBack();
    await bench.settle();
    expect(bench.pull()).toEqual([second]);
  });
});

describe("taking tasks back", () => {
  it("asks the worker that holds one to stop, and answers for one that nobody holds", async () => {
    const bench = await ShardBench.open("name: pair\nsteps:\n  a: { uses: work }\n  b: { uses: other }\n");
    const runId = await bench.start("pair");
    const [held] = bench.pull();
    if (held === undefined) throw new Error("No task.");
    await bench.ask({ type: "cancel", tenant: TENANT, runId, reason: "" });
    expect(bench.withdrawn).toMatchObject([{ runId, step: 0 }]);
    expect(bench.pull(10, "other")).toEqual([]);
    expect(await bench.run(runId)).toMatchObject({ status: "cancelling", openAttempts: 1 });
    await bench.ask(bench.resultOf(held, { type: "cancelled" }));
    expect(await bench.status(runId)).toBe("cancelled");
  });

  it.each([0, 10, 20])("a run cancelled %i ms after its start, durable after 10, ends at once", async (ms) => {
    const bench = await ShardBench.open(ONE_STEP);
    bench.log.latencyMs = 10;
    const start = bench.startOf("one");
    bench.send(start);
    await bench.pass(ms);
    bench.send({ type: "cancel", tenant: TENANT, runId: start.runId, reason: "" });
    await bench.pass(40);
    bench.log.latencyMs = 0;
    expect(await bench.status(start.runId)).toBe("cancelled");
    expect(bench.pull()).toEqual([]);
  });

  it("a paused run's tasks are not given out until it is resumed", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    await bench.ask({ type: "pause", tenant: TENANT, runId, reason: "" });
    expect(bench.pull()).toEqual([]);
    await bench.ask({ type: "resume", tenant: TENANT, runId });
    expect(bench.pull()).toMatchObject([{ runId }]);
  });

  it("paused and resumed in one turn, a run's tasks are given out", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const start = bench.startOf("one");
    bench.send(start);
    bench.send({ type: "pause", tenant: TENANT, runId: start.runId, reason: "" });
    bench.send({ type: "resume", tenant: TENANT, runId: start.runId });
    await bench.settle();
    expect(bench.pull()).toMatchObject([{ runId: start.runId }]);
    expect(bench.pull()).toEqual([]);
  });

  it("a run cancelled while paused does not wait for tasks nobody holds", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    await bench.ask({ type: "pause", tenant: TENANT, runId, reason: "" });
    await bench.ask({ type: "cancel", tenant: TENANT, runId, reason: "" });
    expect(await bench.status(runId)).toBe("cancelled");
  });

  it("I3: the result of an attempt that was given up counts for nothing in the next epoch", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    const [old] = bench.pull();
    if (old === undefined) throw new Error("No task.");
    await bench.ask({ type: "terminate", tenant: TENANT, runId, reason: "" });
    await bench.ask({ type: "retry", tenant: TENANT, runId, requestId: "" });
    const [next] = bench.pull();
    expect(next).toEqual({ ...old, epoch: 2 });
    expect(await bench.ask(bench.resultOf(old, { type: "completed", output: json("1") }))).toMatchObject({
      repeated: true,
    });
    expect(await bench.status(runId)).toBe("running");
    if (next === undefined) throw new Error("No task.");
    await bench.ask(bench.resultOf(next, { type: "completed", output: text("done") }));
    expect(await bench.status(runId)).toBe("completed");
  });
});
