import { describe, expect, it } from "vitest";
import { ONE_STEP, ShardBench, TENANT, tenantOf, text } from "./testdata/shard-bench.ts";

const KEY = { idempotencyKey: "order-1", inputHash: "h1" };

describe("an idempotency key", () => {
  it.each([
    "at once",
    "after a crash",
    "after a checkpoint",
    "after a checkpoint and a crash",
    "after its run has ended",
  ])("I3: gets the first answer %s; other input is refused", async (when) => {
    const bench = await ShardBench.open(ONE_STEP);
    const first = bench.startOf("one", KEY);
    expect(await bench.ask(first)).toMatchObject({ type: "done", repeated: false, runId: first.runId });
    if (when.includes("ended")) for (const task of bench.pull()) await bench.complete(task);
    if (when.includes("checkpoint")) await bench.checkpoint();
    if (when.includes("crash")) await bench.crash();
    expect(await bench.ask(bench.startOf("one", KEY))).toMatchObject({
      type: "done",
      repeated: true,
      runId: first.runId,
    });
    const other = bench.startOf("one", { ...KEY, inputHash: "h2", input: text(2) });
    expect(await bench.ask(other)).toMatchObject({
      refusal: { code: "IDEMPOTENCY_KEY_REUSED", field: "idempotency_key" },
    });
    expect((await bench.list()).runs).toHaveLength(1);
  });

  it("I3: the same twice in one turn starts one run", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const refs = [1, 2, 3].map(() => bench.send(bench.startOf("one", KEY)));
    await bench.settle();
    const replies = refs.map((ref) => bench.replies.get(ref));
    expect(replies.map((reply) => reply?.type === "done" && reply.repeated)).toEqual([false, true, true]);
    expect(bench.pull()).toHaveLength(1);
  });

  it("is a tenant's own", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    await bench.ask(bench.startOf("one", KEY));
    const other = bench.startOf("one", { ...KEY, tenant: tenantOf("other"), inputHash: "h2" });
    expect(await bench.ask(other)).toMatchObject({ type: "done", repeated: false });
  });

  it("I3: a start that comes again by its run ID alone is the same start", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const start = bench.startOf("one");
    await bench.ask(start);
    expect(await bench.ask(start)).toMatchObject({ type: "done", repeated: true });
  });

  it("I3: a repeated start hears of the end, before it and after it", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const start = bench.startOf("one", KEY);
    await bench.ask(start);
    await bench.ask(bench.startOf("one", KEY), true);
    for (const task of bench.pull()) await bench.complete(task);
    await bench.ask(bench.startOf("one", KEY), true);
    await bench.checkpoint();
    await bench.ask(bench.startOf("one", KEY), true);
    expect(bench.ends.map(({ runId, status }) => [runId, status])).toEqual(
      [1, 2, 3].map(() => [start.runId, "completed"]),
    );
  });

  it("I6: written by a later slice than its run, it survives a crash between the two", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const starts = Array.from({ length: 300 }, (_, index) =>
      bench.startOf("one", { idempotencyKey: `k${index}`, inputHash: "h" }),
    );
    for (const start of starts) bench.send(start);
    await bench.settle();
    bench.slices.push({ type: "written" }, { type: "failed", reason: "the process dies here" });
    await bench.checkpoint();
    expect(bench.slicesWritten).toBe(1);
    await bench.crash(1);
    for (const [index, start] of starts.entries()) {
      const again = bench.startOf("one", { idempotencyKey: `k${index}`, inputHash: "h" });
      expect(await bench.ask(again)).toMatchObject({ type: "done", repeated: true, runId: start.runId });
    }
  });
});

describe("a retry's request ID", () => {
  it("I3: gets its first answer also when the run was retried again since, before and after a checkpoint", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    const to = { tenant: TENANT, runId };
    for (const requestId of ["first", "second"]) {
      await bench.ask({ type: "terminate", ...to, reason: "" });
      await bench.ask({ type: "retry", ...to, requestId });
    }
    const first = { type: "done", repeated: true, epoch: 2 };
    expect(await bench.ask({ type: "retry", ...to, requestId: "first" })).toMatchObject(first);
    await bench.checkpoint();
    await bench.crash();
    expect(await bench.ask({ type: "retry", ...to, requestId: "first" })).toMatchObject(first);
    expect(await bench.run(runId)).toMatchObject({ epoch: 3 });
  });
});
