import type { ListPage, RunView } from "@millrace/link/link.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import { describe, expect, it } from "vitest";
import { LIST_BYTES_MAX } from "./limits.ts";
import { ONE_STEP, ShardBench, TENANT, TWO_STEPS, tenantOf } from "./testdata/shard-bench.ts";

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
    expect((await pagesOf(bench, 4)).flat()).toEqual(started.toReversed());
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

describe("a line of a list", () => {
  const failure = {
    code: "BUSY",
    class: "transient",
    message: "m".repeat(4_096),
    guidance: "",
    retryAfterMs: 0,
  } as const;

  it("says the newest error and the next attempt while a run retries, in memory or at rest in the store", async () => {
    const bench = await ShardBench.open(TWO_STEPS);
    const runId = await bench.start("two");
    for (const task of bench.pull())
      await bench.ask(bench.resultOf(task, { type: "failed", failure: { ...failure, retryAfterMs: 3_600_000 } }));
    const [inMemory] = (await bench.list()).runs;
    expect(inMemory).toMatchObject({
      ...{ runId, status: "running", retryingSteps: 1, failedStep: "a", failure: { code: "BUSY" } },
      ...{ stepsTotal: 2, stepsSettled: 0, nextAttemptMs: expect.toSatisfy((ms: number) => ms > bench.clock.nowMs()) },
    });
    await bench.checkpoint();
    await bench.run(runId);
    expect((await bench.list()).runs).toEqual([inMemory]);
    await bench.crash();
    expect((await bench.list()).runs).toEqual([inMemory]);
  });

  it("says why an ended run failed, from the overlay and from the store", async () => {
    const bench = await ShardBench.open(TWO_STEPS);
    const runId = await bench.start("two");
    for (const task of bench.pull())
      await bench.ask(bench.resultOf(task, { type: "failed", failure: { ...failure, class: "permanent" } }));
    const before = (await bench.list()).runs;
    expect(before).toMatchObject([{ runId, status: "failed", failedStep: "a", failure: { code: "BUSY" } }]);
    await bench.checkpoint();
    expect((await bench.list()).runs).toEqual(before);
  });

  it("I9: cuts long texts", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    const [task] = bench.pull();
    if (task === undefined) throw new Error("No task.");
    await bench.ask(bench.resultOf(task, { type: "failed", failure: { ...failure, guidance: "g".repeat(4_096) } }));
    const [row] = (await bench.list()).runs;
    expect(row?.runId).toBe(runId);
    expect(row?.failure?.message).toBe(`${"m".repeat(1_023)}…`);
    expect(row?.failure?.guidance.length).toBe(1_024);
  });

  it("I9: a page ends early when runs are large, wherever they are, and the pages hold every run once", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const started: RunId[] = [];
    const large = JSON.stringify("x".repeat(60_000));
    for (let index = 0; index < 120; index++) {
      started.push(await bench.start("one", large));
      for (const task of bench.pull()) await bench.complete(task);
      if (index === 60) await bench.checkpoint();
    }
    const pages = await pagesOf(bench, 1_000);
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.every((page) => page.length * large.length < 2 * LIST_BYTES_MAX)).toBe(true);
    expect(pages.flat()).toEqual(started.toReversed());
  });
});

async function pagesOf(bench: ShardBench, limit: number): Promise<RunId[][]> {
  const pages: RunId[][] = [];
  let before: RunId | null = null;
  do {
    const page: ListPage = await bench.list({ limit, before });
    pages.push(idsOf(page));
    before = page.next;
  } while (before !== null);
  return pages;
}
