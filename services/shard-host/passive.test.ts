import { describe, expect, it } from "vitest";
import { ShardBench } from "./testdata/shard-bench.ts";

describe("a run that sleeps", () => {
  it("I9: is not brought into memory for good by repeating its start", async () => {
    const bench = await ShardBench.open("name: nap\nsteps:\n  wait: { uses: sleep, with: { for: 30d } }\n");
    const start = bench.startOf("nap", { idempotencyKey: "key", inputHash: "hash" });
    await bench.ask(start);
    await bench.checkpoint();
    expect(bench.shard.load.actors).toBe(0);
    await bench.ask(start);
    expect(bench.shard.load.actors).toBe(0);
  });
});
