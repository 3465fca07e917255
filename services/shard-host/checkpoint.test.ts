import { encodeRunState } from "@millrace/codec/run-state-v1.ts";
import type { RunId } from "@millrace/model/ids.ts";
import { describe, expect, it } from "vitest";
import { CHECKPOINT_AFTER_MS, CHECKPOINT_RETRY_MS } from "./limits.ts";
import { ONE_STEP, ShardBench, TENANT, TWO_STEPS, text } from "./testdata/shard-bench.ts";

const SLEEPER = "name: sleeper\nsteps:\n  nap: { uses: sleep, with: { for: 1h } }\n";
const WAITER =
  "name: waiter\nsteps:\n  wait: { uses: signal, with: { name: go } }\n  work: { needs: [wait], uses: work }\n";

/** Every run there is, as bytes. */
async function everything(bench: ShardBench): Promise<ReadonlyMap<RunId, string>> {
  const { runs } = await bench.list();
  const held = new Map<RunId, string>();
  for (const { runId } of runs) {
    const run = await bench.run(runId);
    if (run !== undefined) held.set(runId, encodeRunState(run).toString("hex"));
  }
  return held;
}

/** Runs in every state a checkpoint may meet. */
async function varied(bench: ShardBench): Promise<void> {
  for (let index = 0; index < 3; index++) {
    await bench.start("one");
    await bench.start("sleeper");
    await bench.start("waiter");
  }
  const [first, second] = bench.pull(2);
  if (first === undefined || second === undefined) throw new Error("No tasks.");
  await bench.complete(first);
  const failure = { code: "BAD", class: "permanent", message: "no", guidance: "", retryAfterMs: 0 } as const;
  await bench.ask(bench.resultOf(second, { type: "failed", failure }));
}

describe("a checkpoint", () => {
  it("I5: what the store and the journal hold together is what was in memory", async () => {
    const bench = await ShardBench.open(ONE_STEP, SLEEPER, WAITER);
    await varied(bench);
    const before = await everything(bench);
    await bench.checkpoint();
    expect(await everything(bench)).toEqual(before);
    await bench.crash();
    expect(await everything(bench)).toEqual(before);
    expect(before.size).toBe(9);
  });

  it("truncates the journal behind it, and the next one goes on from there", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    await bench.start("one");
    await bench.checkpoint();
    expect(bench.log.base.position).toBe(bench.log.tail.position);
    const later = await bench.start("one");
    const before = await everything(bench);
    await bench.crash();
    expect(await everything(bench)).toEqual(before);
    expect(before.has(later)).toBe(true);
  });

  it("writes more than a slice of large runs", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const input = text("x".repeat(60_000));
    for (let index = 0; index < 40; index++)
      bench.send(bench.startOf("one", { input, idempotencyKey: `k${index}`, inputHash: "h" }));
    await bench.settle();
    const before = await everything(bench);
    await bench.checkpoint();
    expect([bench.checkpoints, bench.failures]).toEqual([1, []]);
    expect(bench.slicesWritten).toBeGreaterThan(2);
    await bench.crash();
    expect(await everything(bench)).toEqual(before);
    expect(await bench.ask(bench.startOf("one", { idempotencyKey: "k39", inputHash: "h" }))).toMatchObject({
      repeated: true,
    });
  });

  it("I6: with a crash after any of its slices, and after any of them lost, everything acked is there", async () => {
    for (let written = 0; written <= 4; written++)
      for (let kept = 0; kept <= written; kept++) {
        const bench = await ShardBench.open(TWO_STEPS);
        for (let index = 0; index < 600; index++) bench.send(bench.startOf("two"));
        await bench.settle();
        // Some are half way, some have ended.
        for (const task of bench.pull(300)) bench.send(bench.resultOf(task, { type: "completed", output: text(1) }));
        await bench.settle();
        const before = await everything(bench);
        for (let slice = 0; slice < written; slice++) bench.slices.push({ type: "written" });
        bench.slices.push({ type: "failed", reason: "the process dies here" });
        await bench.checkpoint();
        await bench.crash(kept);
        const after = await everything(bench);
        expect(after.size).toBe(before.size);
        expect([...after].filter(([runId, bytes]) => before.get(runId) !== bytes)).toEqual([]);
      }
  });

  it("I6: a run whose start was on its way when a checkpoint began does not come back from the dead", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    await bench.start("one");
    bench.log.latencyMs = 5;
    const start = bench.startOf("one");
    bench.send(start);
    await bench.settle();
    const written = bench.shard.checkpoint();
    bench.log.latencyMs = 0;
    await bench.pass(5);
    await written;
    // The checkpoint's position is before the start of a run that it has written.
    expect(bench.disk.tables.meta?.position).toBe(bench.log.tail.position - 1);
    expect(bench.disk.tables.runs.has(start.runId)).toBe(true);
    await bench.crash();
    for (const task of bench.pull()) await bench.complete(task);
    await bench.checkpoint();
    await bench.crash();
    expect(await bench.status(start.runId)).toBe("completed");
    expect(bench.pull()).toEqual([]);
    expect(bench.failures).toEqual([]);
  });

  it("I9: writes a definition once, with the first checkpoint after it was pinned", async () => {
    const bench = await ShardBench.open(ONE_STEP, TWO_STEPS);
    const pinned: string[] = [];
    const write = bench.disk.write.bind(bench.disk);
    bench.disk.write = (slice) => {
      pinned.push(...slice.rows.map(({ key }) => key));
      write(slice);
    };
    for (const workflow of ["one", "one", "two"]) {
      await bench.start(workflow);
      await bench.checkpoint();
    }
    await bench.crash();
    await bench.start("one");
    await bench.start("two");
    await bench.checkpoint();
    expect(pinned).toEqual(["definition/t/one@1", "definition/t/two@1"]);
  });

  it("I6: a definition outlives a crash after any slice of the checkpoint that first holds it", async () => {
    for (let kept = 0; kept <= 1; kept++) {
      const bench = await ShardBench.open(ONE_STEP);
      for (let index = 0; index < 600; index++) bench.send(bench.startOf("one"));
      await bench.settle();
      bench.slices.push({ type: "written" }, { type: "failed", reason: "the process dies here" });
      await bench.checkpoint();
      expect(bench.disk.tables.rows.size).toBe(1);
      await bench.crash(kept);
      await bench.checkpoint();
      expect(bench.disk.unflushed).toBe(0);
      await bench.crash();
      expect(bench.pull(1000)).toHaveLength(600);
    }
  });

  it("I1: nothing that is not durable reaches the store", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const kept = await bench.start("one");
    bench.log.latencyMs = 10;
    const [task] = bench.pull();
    if (task === undefined) throw new Error("No task.");
    // The end of the run is decided, and on its way, when the checkpoint begins; then the process dies.
    bench.send(bench.resultOf(task, { type: "completed", output: text(1) }));
    await bench.settle();
    const done = bench.shard.checkpoint();
    await bench.settle();
    bench.log.latencyMs = 0;
    await bench.crash(bench.disk.unflushed);
    expect(await bench.status(kept)).toBe("running");
    expect(bench.pull()).toMatchObject([{ runId: kept }]);
    void done;
  });

  it("a run that ends, and one that is reopened, while it is written keep their newest state", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const ending = await bench.start("one");
    const reopening = await bench.start("one");
    await bench.ask({ type: "terminate", tenant: TENANT, runId: reopening, reason: "" });
    for (let index = 0; index < 600; index++) bench.send(bench.startOf("one"));
    await bench.settle();
    const done = bench.shard.checkpoint();
    const [task] = bench.pull(1);
    if (task === undefined) throw new Error("No task.");
    bench.send(bench.resultOf(task, { type: "completed", output: text(1) }));
    bench.send({ type: "retry", tenant: TENANT, runId: reopening, requestId: "r" });
    await bench.settle();
    await done;
    const check = async () => {
      expect([task.runId, await bench.status(ending), await bench.status(reopening)]).toEqual([
        ending,
        "completed",
        "running",
      ]);
      const { runs } = await bench.list({ status: "running" });
      expect(runs).toHaveLength(601);
    };
    await check();
    await bench.checkpoint();
    await check();
    await bench.crash();
    await check();
  });

  it("a run reopened and ended again between checkpoints is listed once", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    for (let round = 0; round < 3; round++) {
      await bench.ask({ type: "terminate", tenant: TENANT, runId, reason: "" });
      if (round !== 1) await bench.checkpoint();
      expect((await bench.list()).runs).toHaveLength(1);
      expect((await bench.list({ status: "running" })).runs).toHaveLength(0);
      await bench.ask({ type: "retry", tenant: TENANT, runId, requestId: `r${round}` });
      if (round !== 2) await bench.checkpoint();
      expect((await bench.list({ status: "terminated" })).runs).toHaveLength(0);
      expect((await bench.list({ status: "running" })).runs).toHaveLength(1);
    }
    await bench.crash();
    expect(await bench.run(runId)).toMatchObject({ status: "running", epoch: 4 });
  });

  it("lets runs that wait leave memory, and signals and timers find them", async () => {
    const bench = await ShardBench.open(SLEEPER, WAITER, ONE_STEP);
    await bench.start("sleeper");
    const waiting = await bench.start("waiter");
    const working = await bench.start("one");
    await bench.checkpoint();
    // What a worker is owed stays.
    expect(bench.shard.load.actors).toBe(1);
    expect(await bench.status(waiting)).toBe("running");
    expect(bench.shard.load.actors).toBe(1);
    await bench.ask({ type: "signal", tenant: TENANT, runId: waiting, signalId: "", name: "go", payload: text(1) });
    expect(
      bench
        .pull()
        .map(({ runId }) => runId)
        .toSorted(),
    ).toEqual([waiting, working].toSorted());
  });

  it("a start that comes again leaves its waiting run where it is", async () => {
    const bench = await ShardBench.open(SLEEPER);
    const key = { idempotencyKey: "k", inputHash: "h" };
    const first = bench.startOf("sleeper", key);
    await bench.ask(first);
    await bench.checkpoint();
    const again = await bench.ask(bench.startOf("sleeper", key), true);
    expect([again, bench.shard.load.actors]).toMatchObject([{ runId: first.runId, repeated: true }, 0]);
    await bench.pass(3_600_000);
    expect(bench.ends).toMatchObject([{ runId: first.runId, status: "completed" }]);
  });

  it("comes by itself some time after a change, and after a failure tries again", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    await bench.start("one");
    bench.slices.push({ type: "full" });
    await bench.pass(CHECKPOINT_AFTER_MS);
    expect([bench.checkpoints, bench.slicesWritten]).toEqual([1, 0]);
    await bench.pass(CHECKPOINT_RETRY_MS);
    expect([bench.checkpoints, bench.slicesWritten]).toEqual([2, 1]);
    await bench.pass(10 * CHECKPOINT_AFTER_MS);
    expect(bench.checkpoints).toBe(2);
  });

  it("I5: encodes a run as a reader gets it", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    const run = await bench.run(runId);
    if (run === undefined) throw new Error("No run.");
    await bench.checkpoint();
    expect(bench.disk.tables.runs.get(runId)?.bytes).toEqual(Buffer.from(encodeRunState(run)));
  });
});
