import { firstRunIdAt } from "@millrace/core/run-id.ts";
import type { RunId } from "@millrace/model/ids.ts";
import { describe, expect, it } from "vitest";
import { STORE_PAGE, TIMER_WINDOW_MS } from "./limits.ts";
import { ShardBench, TENANT, text } from "./testdata/shard-bench.ts";
import { Timers } from "./timers.ts";

const NAP = "name: nap\nsteps:\n  nap: { uses: sleep, with: { for: '${input.for}' } }\n";
const NAPS =
  "name: naps\nsteps:\n  a: { uses: sleep, with: { for: 100s } }\n  b: { uses: sleep, with: { for: 101s } }\n  c: { uses: sleep, with: { for: 300s } }\n";
const SLOW = "name: slow\nsteps:\n  a: { uses: work, timeout: { step: 3m } }\n  b: { uses: work }\n";
const LIMITED = "name: limited\ntimeout: 10m\nsteps:\n  a: { uses: work }\n";
const FLAKY = "name: flaky\nsteps:\n  a: { uses: work, retry: { initialDelay: 1m, maxDelay: 10m } }\n";

/** How long from now a run is still live, to the step given. */
async function livesMs(bench: ShardBench, runId: RunId, stepMs: number): Promise<number> {
  for (let ms = 0; ms < 3_600_000; ms += stepMs) {
    if ((await bench.run(runId))?.endedMs !== 0) return ms;
    await bench.pass(stepMs);
  }
  throw new Error(`Run ${runId} never ended.`);
}

describe("a timer", () => {
  it.each([
    ["0s", 0],
    ["1s", 1_000],
    ["59s", 59_000],
    ["61s", 61_000],
    ["10m", 600_000],
  ])("goes off after %s, though its run has left memory", async (duration, ms) => {
    const bench = await ShardBench.open(NAP);
    const runId = await bench.start("nap", JSON.stringify({ for: duration }));
    await bench.checkpoint();
    expect(bench.shard.load.actors).toBe(0);
    await bench.pass(Math.max(0, ms - 1));
    if (ms > 0) expect(await bench.status(runId)).toBe("running");
    await bench.pass(1);
    expect(await bench.status(runId)).toBe("completed");
  });

  it.each([false, true])("goes off after a crash, checkpointed before: %s", async (checkpointed) => {
    const bench = await ShardBench.open(NAP);
    const runId = await bench.start("nap", JSON.stringify({ for: "90s" }));
    if (checkpointed) await bench.checkpoint();
    await bench.crash();
    await bench.pass(89_999);
    expect(await bench.status(runId)).toBe("running");
    await bench.pass(1);
    expect(await bench.status(runId)).toBe("completed");
  });

  it("that came due while nobody served goes off at the take-over", async () => {
    const bench = await ShardBench.open(NAP);
    const runId = await bench.start("nap", JSON.stringify({ for: "90s" }));
    await bench.checkpoint();
    bench.log.crash();
    await bench.pass(200_000);
    await bench.crash();
    expect(await bench.status(runId)).toBe("completed");
  });

  it("goes off right after another of its run, beyond the window both", async () => {
    const bench = await ShardBench.open(NAPS);
    const runId = await bench.start("naps");
    await bench.checkpoint();
    const done = async () => (await bench.run(runId))?.steps.filter(({ status }) => status === "done").length;
    await bench.pass(100_000);
    expect(await done()).toBe(1);
    await bench.pass(1_000);
    expect(await done()).toBe(2);
    await bench.pass(198_999);
    expect(await done()).toBe(2);
    await bench.pass(1);
    expect(await bench.status(runId)).toBe("completed");
  });

  it("of a run that stays in memory with an open attempt goes off, too", async () => {
    const bench = await ShardBench.open(SLOW);
    const runId = await bench.start("slow");
    // Longer than the window, and long clean by then.
    expect(await livesMs(bench, runId, 1_000)).toBe(180_000);
    expect(await bench.run(runId)).toMatchObject({ status: "failed", failure: { failure: { code: "STEP_TIMEOUT" } } });
  });

  it("of a whole run goes off, though the run moved meanwhile", async () => {
    const bench = await ShardBench.open(LIMITED);
    const runId = await bench.start("limited");
    await bench.pass(4 * TIMER_WINDOW_MS);
    await bench.ask({ type: "pause", tenant: TENANT, runId, reason: "" });
    await bench.checkpoint();
    expect(await livesMs(bench, runId, 1_000)).toBe(600_000 - 4 * TIMER_WINDOW_MS);
    expect(await bench.status(runId)).toBe("timed-out");
  });

  it("of a retry is asked for again when its run is resumed", async () => {
    const bench = await ShardBench.open(FLAKY);
    const runId = await bench.start("flaky");
    const [task] = bench.pull();
    if (task === undefined) throw new Error("No task.");
    const failure = { code: "BUSY", class: "transient", message: "", guidance: "", retryAfterMs: 300_000 } as const;
    await bench.ask({ type: "pause", tenant: TENANT, runId, reason: "" });
    await bench.ask(bench.resultOf(task, { type: "failed", failure }));
    await bench.checkpoint();
    await bench.crash();
    await bench.ask({ type: "resume", tenant: TENANT, runId });
    await bench.pass(299_999);
    expect(bench.pull()).toEqual([]);
    await bench.pass(1);
    expect(bench.pull()).toMatchObject([{ runId, attempt: 2 }]);
  });

  it("I7: many due at once go off in batches, and leave room for other work", async () => {
    const bench = await ShardBench.open(NAP);
    for (let run = 0; run < 3_000; run++) bench.send(bench.startOf("nap", { input: text({ for: "30s" }) }));
    await bench.settle();
    await bench.checkpoint();
    // While a record is on its way, the rest waits without asking for time.
    bench.log.latencyMs = 10;
    const { timers } = bench.clock.counts();
    await bench.pass(30_100);
    expect(bench.clock.counts().timers - timers).toBeLessThan(200);
    bench.log.latencyMs = 0;
    expect((await bench.list({ status: "completed" })).runs).toHaveLength(1_000);
    expect((await bench.list({ status: "running" })).runs).toEqual([]);
  });

  it("asks for no more looks than there is something to do", async () => {
    const bench = await ShardBench.open(NAPS);
    await bench.start("naps");
    await bench.pass(400_000);
    const { timers } = bench.clock.counts();
    await bench.pass(3_600_000);
    // An idle shard looks at its store twice a window, and at nothing else.
    expect(bench.clock.counts().timers - timers).toBeLessThanOrEqual((2 * 3_600_000) / TIMER_WINDOW_MS + 2);
  });
});

describe("the heap of timers", () => {
  it("gives them out in the order they are due, and none that is not", () => {
    const timers = new Timers();
    const due = Array.from({ length: 500 }, (_, index) => (index * 7919) % 1009);
    for (const dueMs of due) timers.push({ dueMs, runId: firstRunIdAt(dueMs), tenant: TENANT });
    const taken: number[] = [];
    for (let nowMs = 0; nowMs <= 1009; nowMs++)
      for (let timer = timers.take(nowMs); timer !== undefined; timer = timers.take(nowMs)) {
        expect(timer.dueMs).toBe(nowMs);
        taken.push(timer.dueMs);
      }
    expect(taken).toEqual(due.toSorted((a, b) => a - b));
    expect([timers.size, timers.nextMs]).toEqual([0, undefined]);
  });
});

it("I1: what a run is owed since a take-over leaves only when all that is decided about it is durable", async () => {
  const bench = await ShardBench.open("name: two\nsteps:\n  a: { uses: work }\n  b: { needs: [a], uses: more }\n");
  for (let runs = 0; runs < STORE_PAGE; runs++) await bench.start("two");
  // The store names it on its second page.
  const runId = await bench.start("two");
  const task = bench.pull().find((one) => one.runId === runId);
  if (task === undefined) throw new Error("No task.");
  await bench.checkpoint();
  bench.log.crash();
  bench.shard = bench.make();
  bench.shard.tasks.connect(bench);
  const opened = bench.shard.open();
  bench.send(bench.resultOf(task, { type: "completed", output: text(1) }));
  bench.log.latencyMs = 10;
  await bench.pass(10);
  await opened;
  bench.workersAreBack();
  expect(bench.pull(STORE_PAGE, "more")).toEqual([]);
  await bench.pass(10);
  expect(bench.pull(STORE_PAGE, "more")).toMatchObject([{ runId }]);
});
