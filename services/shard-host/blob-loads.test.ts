import type { RunId, TenantId } from "@millrace/model/ids.ts";
import { type BlobRef, json, type Payload } from "@millrace/model/payload.ts";
import type { Task } from "@millrace/model/task.ts";
import { describe, expect, it } from "vitest";
import { LOADS_MAX } from "./limits.ts";
import { ShardBench, TENANT, tenantOf } from "./testdata/shard-bench.ts";

const OF_INPUT = "name: of-input\nsteps:\n  a: { if: '${input.n > 0}', uses: work }\n";
const OF_OUTPUT =
  "name: of-output\nsteps:\n  a: { uses: work }\n  b: { needs: [a], uses: work, with: { n: '${steps.a.output.n}' } }\n";
const OF_END = "name: of-end\nsteps:\n  a: { uses: work }\noutput: { n: '${steps.a.output.n}' }\n";
const NOWHERE: BlobRef = { sha256: "0".repeat(64), bytes: 70_000 };
const VALUE = { n: 7, pad: "x".repeat(70_000) };

/** Starts a run whose input is a blob; its reply is there when it resolves. */
async function startWithBlob(bench: ShardBench, tenant: TenantId = TENANT): Promise<RunId> {
  const start = bench.startOf("of-input", { tenant });
  const input = await bench.blobs.putJson(start.runId, { ...VALUE, of: start.runId });
  expect(await bench.ask({ ...start, input })).toMatchObject({ type: "done", repeated: false });
  return start.runId;
}

function complete(bench: ShardBench, task: Task | undefined, output: Payload): number {
  if (task === undefined) throw new Error("No task.");
  return bench.send(bench.resultOf(task, { type: "completed", output }));
}

describe("a run that reads a blob", () => {
  it("goes on when its text is there; the result that brought it is recorded at once", async () => {
    const bench = await ShardBench.open(OF_OUTPUT);
    const runId = await bench.start("of-output");
    bench.blobs.isHeld = true;
    const output = await bench.blobs.putJson(runId, VALUE);
    const ref = complete(bench, bench.pull()[0], output);
    await bench.settle();
    expect(bench.replies.get(ref)).toMatchObject({ type: "done" });
    expect(bench.pull()).toEqual([]);
    bench.blobs.release();
    await bench.settle();
    expect(bench.pull()).toMatchObject([{ stepName: "b", input: '{"n":7}' }]);
    expect(bench.blobs.reads).toHaveLength(1);
  });

  it("ends when the text its output reads is there", async () => {
    const bench = await ShardBench.open(OF_END);
    const runId = await bench.start("of-end");
    bench.blobs.isHeld = true;
    complete(bench, bench.pull()[0], await bench.blobs.putJson(runId, VALUE));
    await bench.settle();
    expect(await bench.run(runId)).toMatchObject({ status: "running", openSteps: 0 });
    bench.blobs.isHeld = false;
    await bench.crash();
    expect(await bench.run(runId)).toMatchObject({ status: "completed", output: '{"n":7}' });
  });

  it("I9: reads it once for all items of a forEach, and reads more blobs one after the other than are kept at once", async () => {
    const count = 17;
    const large = "x".repeat(4_000_000);
    const steps = Array.from(
      { length: count },
      (_, n) =>
        `  w${n}: { uses: work }\n  t${n}: { needs: [w${n}], uses: transform, with: '\${steps.w${n}.output.n}' }\n`,
    );
    const each = "  each: { needs: [w0], forEach: '${[1, 2, 3]}', uses: other, with: '${steps.w0.output.n}' }\n";
    const bench = await ShardBench.open(`name: much\nsteps:\n${steps.join("")}${each}output: done\n`);
    const runId = await bench.start("much");
    for (const task of bench.pull()) complete(bench, task, await bench.blobs.putJson(runId, { n: task.step, large }));
    await bench.settle();
    const items = bench.pull(10, "other");
    expect(items).toMatchObject([{ input: "0" }, { input: "0" }, { input: "0" }]);
    for (const task of items) complete(bench, task, json("1"));
    await bench.settle();
    expect(await bench.status(runId)).toBe("completed");
    expect(bench.blobs.reads).toHaveLength(count);
  });

  it.each(["of-input", "of-output", "of-end"])("fails for good when it is gone: %s", async (workflow) => {
    const bench = await ShardBench.open(OF_INPUT, OF_OUTPUT, OF_END);
    const start = bench.startOf(workflow, workflow === "of-input" ? { input: NOWHERE } : {});
    expect(await bench.ask(start, true)).toMatchObject({ type: "done" });
    for (const task of bench.pull()) complete(bench, task, NOWHERE);
    await bench.settle();
    const failure = { code: "BLOB_LOST", class: "permanent" };
    expect(bench.ends).toMatchObject([{ runId: start.runId, status: "failed", failure: { failure } }]);
    expect(bench.blobs.reads).toHaveLength(1);
  });

  it("fails for good when it is damaged, and goes on where it failed when it is retried with the right bytes", async () => {
    const bench = await ShardBench.open(OF_INPUT);
    bench.blobs.isDamaged = true;
    const runId = await startWithBlob(bench);
    expect(await bench.run(runId)).toMatchObject({ status: "failed", failure: { failure: { code: "BLOB_LOST" } } });
    bench.blobs.isDamaged = false;
    await bench.ask({ type: "retry", tenant: TENANT, runId, requestId: "" });
    expect(bench.pull()).toMatchObject([{ runId, epoch: 2 }]);
  });

  it("waits while it cannot be read, ever longer between two tries, and keeps nobody waiting that can be read", async () => {
    const bench = await ShardBench.open(OF_INPUT);
    bench.blobs.isUnreadable = true;
    const runs: RunId[] = [];
    while (runs.length < 2 * LOADS_MAX) runs.push(await startWithBlob(bench));
    expect(bench.unreadable).toEqual(["I/O error"]);
    await bench.pass(600_000);
    expect(bench.unreadable.length).toBeLessThan(30);
    expect(bench.pull()).toEqual([]);
    bench.blobs.isUnreadable = false;
    const late = await startWithBlob(bench);
    expect(bench.pull()).toMatchObject([{ runId: late }]);
    await bench.pass(30_000);
    expect(bench.pull().map(({ runId }) => runId)).toEqual(runs);
  });

  it("can be stopped while it waits", async () => {
    const bench = await ShardBench.open(OF_INPUT);
    bench.blobs.isHeld = true;
    const [first, second] = [await startWithBlob(bench), await startWithBlob(bench)];
    await bench.ask({ type: "terminate", tenant: TENANT, runId: first, reason: "" });
    await bench.ask({ type: "cancel", tenant: TENANT, runId: second, reason: "" });
    expect([await bench.status(first), await bench.status(second)]).toEqual(["terminated", "cancelled"]);
    bench.blobs.release();
    await bench.settle();
    expect([await bench.status(first), bench.pull()]).toEqual(["terminated", []]);
  });

  it("asks again when it is resumed after a pause in which its text came", async () => {
    const bench = await ShardBench.open(OF_INPUT);
    bench.blobs.isHeld = true;
    const runId = await startWithBlob(bench);
    await bench.ask({ type: "pause", tenant: TENANT, runId, reason: "" });
    bench.blobs.release();
    await bench.settle();
    expect(bench.pull()).toEqual([]);
    await bench.ask({ type: "resume", tenant: TENANT, runId });
    expect(bench.pull()).toMatchObject([{ runId }]);
  });
});

describe("loads", () => {
  it("I7, I9: are few at a time, one a run, and tenants take turns", async () => {
    const bench = await ShardBench.open(OF_INPUT);
    bench.blobs.isHeld = true;
    for (let run = 0; run < 10 * LOADS_MAX; run++) await startWithBlob(bench, tenantOf("noisy"));
    const quiet = await startWithBlob(bench, tenantOf("quiet"));
    expect([bench.blobs.held, bench.blobs.reads.includes(quiet)]).toEqual([LOADS_MAX, false]);
    bench.blobs.release();
    await bench.settle();
    expect([bench.blobs.held, bench.blobs.reads.includes(quiet)]).toEqual([LOADS_MAX, true]);
  });

  it("of a run that asks for several blobs follow each other until all are there", async () => {
    const steps = ["a", "b", "c"].map(
      (name) =>
        `  ${name}: { uses: work }\n  of-${name}: { needs: [${name}], uses: sum, with: { n: '\${steps.${name}.output.n}' } }\n`,
    );
    const bench = await ShardBench.open(`name: three\nsteps:\n${steps.join("")}`);
    const runId = await bench.start("three");
    bench.blobs.isHeld = true;
    for (const task of bench.pull())
      complete(bench, task, await bench.blobs.putJson(runId, { ...VALUE, n: task.step }));
    await bench.settle();
    expect(bench.blobs.held).toBe(1);
    bench.blobs.isHeld = false;
    bench.blobs.release();
    await bench.settle();
    expect(bench.pull(10, "sum")).toHaveLength(3);
    expect(bench.blobs.reads).toHaveLength(3);
  });

  it("that are under way when the shard stops leave nobody without an answer", async () => {
    const bench = await ShardBench.open(OF_INPUT, OF_OUTPUT);
    bench.blobs.isHeld = true;
    const start = bench.startOf("of-input", { input: NOWHERE });
    const refs = [bench.send(start, true)];
    await bench.start("of-output");
    refs.push(complete(bench, bench.pull()[0], NOWHERE));
    await bench.settle();
    refs.push(bench.send(bench.startOf("of-input", { input: NOWHERE })));
    const stopped = bench.shard.stop();
    await bench.settle();
    await stopped;
    bench.blobs.release();
    await bench.settle();
    expect(refs.map((ref) => bench.replies.get(ref)?.type)).toEqual(["done", "done", "refused"]);
    expect(bench.clock.nextInMs()).toBeUndefined();
  });

  it("that are under way when an append fails are forgotten, and begin anew after the take-over", async () => {
    const bench = await ShardBench.open(OF_INPUT);
    bench.blobs.isHeld = true;
    const runId = await startWithBlob(bench);
    bench.log.failNext({ type: "unknown", written: false });
    expect(await bench.ask(bench.startOf("of-input"))).toMatchObject({ refusal: { code: "SHARD_UNAVAILABLE" } });
    await bench.pass(1_000);
    expect(bench.blobs.held).toBe(2);
    bench.blobs.release();
    await bench.settle();
    expect(bench.pull()).toMatchObject([{ runId }]);
    expect(bench.failures).toHaveLength(1);
  });
});
