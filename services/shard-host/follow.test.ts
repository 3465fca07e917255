import { json } from "@millrace/model/payload.ts";
import { describe, expect, it } from "vitest";
import { ONE_STEP, ShardBench } from "./testdata/shard-bench.ts";

const REF = 77;

describe("a run's end", () => {
  it("is told to whoever follows the run, under their number, when it comes", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const { runId } = bench.startOf("one");
    await bench.ask({ ...bench.startOf("one"), runId });
    bench.shard.follow(bench, REF, runId);
    await bench.settle();
    expect(bench.ends).toEqual([]);
    for (const task of bench.pull()) await bench.complete(task, '"out"');
    expect(bench.ends).toMatchObject([{ ref: REF, runId, status: "completed" }]);
  });

  it.each(["in memory", "in the store", "and of another owner"])(
    "that has come is told at once (%s)",
    async (where) => {
      const bench = await ShardBench.open(ONE_STEP);
      const command = bench.startOf("one");
      await bench.ask(command);
      for (const task of bench.pull()) await bench.complete(task, '"out"');
      if (where !== "in memory") await bench.checkpoint();
      if (where === "and of another owner") await bench.crash();
      bench.shard.follow(bench, REF, command.runId);
      expect(bench.ends).toMatchObject([{ ref: REF, runId: command.runId, status: "completed" }]);
    },
  );

  it("I1: is not told before it is durable, and once", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const command = bench.startOf("one");
    await bench.ask(command);
    const [task] = bench.pull();
    if (task === undefined) throw new Error("No task.");
    bench.log.latencyMs = 10;
    bench.send(bench.resultOf(task, { type: "completed", output: json("1") }));
    await bench.pass(1);
    bench.shard.follow(bench, REF, command.runId);
    await bench.pass(5);
    expect(bench.ends).toEqual([]);
    await bench.pass(50);
    expect(bench.ends).toMatchObject([{ ref: REF }]);
  });

  it("I1: whose record is lost is told when it has come after all", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const command = bench.startOf("one");
    await bench.ask(command);
    const [task] = bench.pull();
    if (task === undefined) throw new Error("No task.");
    bench.log.latencyMs = 10;
    bench.log.failNext({ type: "unknown", written: false });
    bench.send(bench.resultOf(task, { type: "completed", output: json("1") }));
    await bench.pass(1);
    bench.shard.follow(bench, REF, command.runId);
    await bench.pass(5000);
    expect(bench.ends).toEqual([]);
    bench.log.latencyMs = 0;
    for (const again of bench.pull()) await bench.complete(again);
    expect(bench.ends).toMatchObject([{ ref: REF }]);
  });

  it("is not told to whoever does not want to know any more", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    bench.shard.follow(bench, REF, runId);
    bench.shard.unfollow(bench, REF, runId);
    for (const task of bench.pull()) await bench.complete(task);
    expect(bench.ends.map(({ ref }) => ref)).not.toContain(REF);
    expect(bench.ends).toHaveLength(1);
  });

  it("I9: of a run that nobody knows is not waited for", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    bench.shard.follow(bench, REF, bench.startOf("one").runId);
    await bench.settle();
    expect(bench.ends).toEqual([]);
    expect(bench.shard.state.type).toBe("serving");
  });
});

describe("the term", () => {
  it("is told whenever the shard begins to serve", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const first = bench.shard.term;
    const told: number[] = [];
    const forget = bench.shard.onTerm((term) => told.push(term));
    bench.log.failNext({ type: "unknown", written: false });
    bench.send(bench.startOf("one"));
    await bench.pass(5000);
    expect(told).toEqual([first + 1]);
    expect(bench.shard.term).toBe(first + 1);
    forget();
    bench.log.failNext({ type: "unknown", written: false });
    bench.send(bench.startOf("one"));
    await bench.pass(5000);
    expect(told).toHaveLength(1);
  });
});
