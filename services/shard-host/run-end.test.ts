import { json } from "@millrace/model/payload.ts";
import { describe, expect, it } from "vitest";
import { ShardBench } from "./testdata/shard-bench.ts";

const LIST = "name: list\nsteps:\n  each: { forEach: '${input}', uses: work }\noutput: '${steps.each.output}'\n";
const NOWHERE = { sha256: "0".repeat(64), bytes: 70_000 };

describe("the end of a run whose output is a list with blobs in it", () => {
  it("is told with what names these, at once, to whoever asks again, and after a take-over: the shard reads none", async () => {
    const bench = await ShardBench.open(LIST);
    const start = bench.startOf("list", { input: json("[1,2]"), idempotencyKey: "k", inputHash: "h" });
    await bench.ask(start, true);
    const [one, two] = bench.pull();
    if (one === undefined || two === undefined) throw new Error("No tasks.");
    await bench.ask(bench.resultOf(one, { type: "completed", output: NOWHERE }));
    bench.log.failNext({ type: "unknown", written: true });
    await bench.complete(two, "2");
    await bench.pass(1_000);
    const again = bench.send({ ...bench.startOf("list"), idempotencyKey: "k", inputHash: "h" }, true);
    await bench.settle();
    expect(bench.ends).toMatchObject([
      { ref: 1, status: "completed", output: [NOWHERE, "2"] },
      { ref: again, status: "completed", output: [NOWHERE, "2"] },
    ]);
    expect(bench.blobs.reads).toEqual([]);
  });
});
