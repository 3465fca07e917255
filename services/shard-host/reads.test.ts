import type { ListPage, RunView } from "@millrace/link/link.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import { describe, expect, it } from "vitest";
import { ONE_STEP, ShardBench, TENANT, TWO_STEPS, tenantOf, text } from "./testdata/shard-bench.ts";

function idsOf(page: ListPage): RunId[] {
  return page.runs.map(({ runId }) => runId);
}

describe("a read", () => {
  it("I1: is held until what it saw is durable", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    bench.log.latencyMs = 10;
    const start = bench.startOf("one");
    bench.send(start);
    await bench.settle();
    const heard: (RunView | Refusal)[] = [];
    bench.shard.run(TENANT, start.runId, (view) => heard.push(view));
    await bench.pass(9);
    expect(heard).toEqual([]);
    await bench.pass(1);
    expect(heard).toMatchObject([{ runId: start.runId }]);
  });

  it("I1: a list is held until what it left out is durable", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    bench.log.latencyMs = 10;
    bench.send({ type: "pause", tenant: TENANT, runId, reason: "" });
    await bench.settle();
    const heard: (ListPage | Refusal)[] = [];
    const all = { tenant: TENANT, workflow: null, startedFromMs: 0, startedUntilMs: 0, before: null, limit: 10 };
    bench.shard.list({ ...all, status: "running" }, (page) => heard.push(page));
    await bench.pass(9);
    expect(heard).toEqual([]);
    await bench.pass(1);
    expect(heard).toEqual([{ runs: [], next: null }]);
  });

  it("I1: of what is lost is refused", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    bench.log.failNext({ type: "unknown", written: false });
    const start = bench.startOf("one");
    bench.send(start);
    bench.clock.step();
    const heard: (RunView | Refusal)[] = [];
    bench.shard.run(TENANT, start.runId, (view) => heard.push(view));
    await bench.settle();
    expect(heard).toMatchObject([{ code: "SHARD_UNAVAILABLE" }]);
  });

  it("of another tenant's run finds nothing", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    const heard: (RunView | Refusal)[] = [];
    bench.shard.run(tenantOf("other"), runId, (view) => heard.push(view));
    expect(heard).toMatchObject([{ code: "RUN_NOT_FOUND", field: "run_id" }]);
  });
});

describe("a list", () => {
  it("merges memory, overlay and store, newest first, and pages through all of it once", async () => {
    const bench = await ShardBench.open(ONE_STEP, TWO_STEPS);
    const started: RunId[] = [];
    for (let index = 0; index < 30; index++) {
      started.push(await bench.start(index % 3 === 0 ? "two" : "one"));
      if (index % 4 === 0) for (const task of bench.pull(1)) await bench.complete(task);
      if (index % 10 === 9) await bench.checkpoint();
      await bench.clock.advance(1);
    }
    const paged: RunId[] = [];
    let before: RunId | null = null;
    for (let pages = 0; pages < 20; pages++) {
      const page: ListPage = await bench.list({ limit: 4, before });
      paged.push(...idsOf(page));
      before = page.next;
      if (before === null) break;
    }
    expect(paged).toEqual(started.toReversed());
  });

  it("filters by workflow, status and time, also by what changed since the store was written", async () => {
    const bench = await ShardBench.open(ONE_STEP, TWO_STEPS);
    const one = await bench.start("one");
    await bench.clock.advance(1_000);
    const middleMs = bench.clock.nowMs();
    const two = await bench.start("two");
    await bench.clock.advance(1_000);
    const three = await bench.start("one");
    await bench.checkpoint();
    await bench.ask({ type: "terminate", tenant: TENANT, runId: one, reason: "" });
    expect(idsOf(await bench.list({ workflow: null }))).toEqual([three, two, one]);
    expect((await bench.list({ status: "running" })).runs).toHaveLength(2);
    expect(idsOf(await bench.list({ status: "terminated" }))).toEqual([one]);
    expect(idsOf(await bench.list({ startedFromMs: middleMs }))).toEqual([three, two]);
    expect(idsOf(await bench.list({ startedUntilMs: middleMs }))).toEqual([one]);
    expect((await bench.list({ tenant: tenantOf("other") })).runs).toEqual([]);
  });

  it("of one page exactly has no next", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    expect(await bench.list({ limit: 1 })).toMatchObject({ runs: [{ runId }], next: null });
    const later = await bench.start("one");
    expect(await bench.list({ limit: 1 })).toMatchObject({ runs: [{ runId: later }], next: later });
  });
});

describe("a watch", () => {
  it("tells the run as it is, then what durable turns make of it, until it is ended", async () => {
    const bench = await ShardBench.open(TWO_STEPS);
    const runId = await bench.start("two");
    const heard: number[] = [];
    const unwatch = bench.shard.watch(TENANT, runId, (view) => {
      if ("position" in view) heard.push(view.position);
    });
    await bench.settle();
    expect(heard).toHaveLength(1);
    for (const task of bench.pull()) await bench.complete(task);
    expect(heard).toHaveLength(2);
    unwatch();
    await bench.ask({ type: "pause", tenant: TENANT, runId, reason: "" });
    expect(heard).toEqual(heard.toSorted((a, b) => a - b));
    expect(heard).toHaveLength(2);
  });

  it("goes on after the shard has lost its memory", async () => {
    const bench = await ShardBench.open(TWO_STEPS);
    const runId = await bench.start("two");
    const heard: (RunView | Refusal)[] = [];
    bench.shard.watch(TENANT, runId, (view) => heard.push(view));
    bench.log.failNext({ type: "unknown", written: true });
    await bench.ask({ type: "signal", tenant: TENANT, runId, signalId: "", name: "x", payload: text(1) });
    expect(heard.at(-1)).toMatchObject({ runId });
    expect(heard.length).toBeGreaterThan(1);
  });

  it("of an unknown run is answered once and forgotten", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const start = bench.startOf("one");
    const heard: (RunView | Refusal)[] = [];
    bench.shard.watch(TENANT, start.runId, (view) => heard.push(view));
    await bench.ask(start);
    expect(heard).toMatchObject([{ code: "RUN_NOT_FOUND" }]);
  });
});
