import { openMemoryJournal } from "@millrace/journal/memory/open.ts";
import { describe, expect, it } from "vitest";
import { NotOwned } from "./shard-options.ts";
import { ONE_STEP, ShardBench } from "./testdata/shard-bench.ts";

/** A bench whose shard is bound by terms. */
async function bound(): Promise<{ bench: ShardBench; lost: string[]; seat: { isMine: boolean } }> {
  const lost: string[] = [];
  const seat = { isMine: true };
  const bench = await ShardBench.open(ONE_STEP);
  await bench.start("one");
  bench.terms = { mayClaim: () => seat.isMine, lost: (reason) => lost.push(reason) };
  await bench.crash();
  return { bench, lost, seat };
}

describe("a shard that other processes may own", () => {
  it("I2: is given up when another process has claimed it: it fences nobody back", async () => {
    const { bench, lost } = await bound();
    const other = await openMemoryJournal(bench.log, bench.clock);
    expect(await bench.ask(bench.startOf("one"))).toMatchObject({ refusal: { code: "SHARD_UNAVAILABLE" } });
    expect(lost).toEqual(["Another process has claimed the shard."]);
    expect(bench.shard.state.type).toBe("stopped");
    expect(other.tail().position).toBe(bench.log.tail.position);
    const frames = bench.log.tail.position;
    await bench.pass(60_000);
    expect(bench.log.tail.position).toBe(frames);
  });

  it("I2: opens its journal anew after a doubt only while it may, and claims only while it may", async () => {
    const { bench, lost, seat } = await bound();
    bench.log.failNext({ type: "unknown", written: true });
    await bench.ask(bench.startOf("one"));
    await bench.pass(1000);
    expect([bench.shard.state.type, lost]).toEqual(["serving", []]);
    bench.log.failNext({ type: "unknown", written: true });
    seat.isMine = false;
    await bench.ask(bench.startOf("one"));
    await bench.pass(1000);
    expect(lost).toEqual(["The shard belongs to another process."]);
  });

  it("I2: is not opened at all without a seat, nor claimed when the seat went meanwhile", async () => {
    const { bench, seat } = await bound();
    const tail = bench.log.tail.position;
    for (const asks of [0, 1]) {
      let asked = 0;
      bench.terms = { mayClaim: () => asked++ < asks, lost: () => {} };
      const shard = bench.make();
      const opening = shard.open().then(
        () => "opened",
        (error: unknown) => error,
      );
      await bench.settle();
      expect(await opening).toBeInstanceOf(NotOwned);
      const releasing = shard.release();
      await bench.settle();
      await releasing;
    }
    expect(seat.isMine).toBe(true);
    expect(bench.log.tail.position).toBe(tail);
  });
});
