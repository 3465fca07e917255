import { openMemoryJournal } from "@millrace/journal/memory/open.ts";
import type { RunView } from "@millrace/link/link.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import { describe, expect, it } from "vitest";
import { ONE_STEP, ShardBench, TENANT } from "./testdata/shard-bench.ts";

describe("outside its lease a shard", () => {
  it("I2: answers a read only after an append, if need be an empty one", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    const before = bench.log.tail.position;
    expect(await bench.status(runId)).toBe("running");
    expect(bench.log.tail.position).toBe(before);
    bench.leased = false;
    bench.log.latencyMs = 10;
    const heard: (RunView | Refusal)[] = [];
    for (let asked = 0; asked < 3; asked++) bench.shard.run(TENANT, runId, (view) => heard.push(view));
    await bench.pass(9);
    expect(heard).toEqual([]);
    await bench.pass(1);
    expect(heard).toHaveLength(3);
    expect(bench.log.tail.position).toBe(before + 1);
    expect(bench.journaled().at(-1)?.type).not.toBe("shard-claimed");
  });

  it("I2: takes no append for proof that was sent before the question", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    bench.leased = false;
    bench.log.latencyMs = 10;
    bench.send({ type: "pause", tenant: TENANT, runId, reason: "" });
    await bench.settle();
    const heard: (RunView | Refusal)[] = [];
    bench.shard.run(TENANT, runId, (view) => heard.push(view));
    await bench.pass(10);
    expect(heard).toEqual([]);
    await bench.pass(10);
    expect(heard).toMatchObject([{ runId }]);
  });

  it("I2: tells nobody what another owner may have changed", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    const unknown = bench.startOf("one").runId;
    bench.leased = false;
    await openMemoryJournal(bench.log, bench.clock);
    const heard: (RunView | Refusal)[] = [];
    bench.shard.run(TENANT, runId, (view) => heard.push(view));
    const ref = bench.send({ type: "cancel", tenant: TENANT, runId: unknown, reason: "" });
    await bench.settle();
    expect(heard).toMatchObject([{ code: "SHARD_UNAVAILABLE" }]);
    expect(bench.replies.get(ref)).toMatchObject({ type: "refused", refusal: { code: "SHARD_UNAVAILABLE" } });
  });
});
