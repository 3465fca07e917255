import type { Blobs } from "@millrace/blobs/blobs.ts";
import { openMemoryBlobs } from "@millrace/blobs/memory/memory-blobs.ts";
import { VirtualClock } from "@millrace/clock/virtual.ts";
import { runId } from "@millrace/model/ids.ts";
import type { BlobRef } from "@millrace/model/payload.ts";
import { describe, expect, it } from "vitest";
import { BlobTexts } from "./blob-texts.ts";
import { ShardBench, TENANT } from "./testdata/shard-bench.ts";

const RUN = runId("00000000100000000001");
const MEBIBYTE = 1024 * 1024;

function blob(blobs: Blobs, letter: string): Promise<BlobRef> {
  return blobs.put(RUN, Buffer.from(JSON.stringify(letter.repeat(MEBIBYTE))));
}

function loaded(texts: BlobTexts, refs: readonly BlobRef[]): Promise<void> {
  return new Promise((resolve) => texts.load(RUN, refs, resolve));
}

describe("texts of blobs", () => {
  it("I9: are counted once, however many wait for the same one", async () => {
    const blobs = openMemoryBlobs();
    const texts = new BlobTexts(blobs, new VirtualClock(1));
    const shared = await blob(blobs, "s");
    await Promise.all(Array.from({ length: 100 }, () => loaded(texts, [shared])));
    const others = [await blob(blobs, "a"), await blob(blobs, "b")];
    await loaded(texts, others);
    expect(texts.absent([shared, ...others])).toEqual([]);
  });

  it("are not needed to stop a run: one whose blob cannot be read ends all the same", async () => {
    const bench = await ShardBench.open("name: two\nsteps:\n  a: { uses: work, if: '${input.n > 0}' }\n");
    const start = bench.startOf("two", { input: { sha256: "0".repeat(64), bytes: 70_000 } });
    bench.send(start);
    const second = bench.startOf("two");
    await bench.ask({ ...second, type: "start" });
    await bench.ask({ type: "terminate", tenant: TENANT, runId: second.runId, reason: "" });
    expect(await bench.status(second.runId)).toMatch(/failed|terminated/);
  });
});
