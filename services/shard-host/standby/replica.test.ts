import type { JournalGap } from "@millrace/journal/journal.ts";
import { followMemoryJournal } from "@millrace/journal/memory/follow.ts";
import { MirrorDisk, openMemoryMirror } from "@millrace/journal/memory/mirror.ts";
import type { RunId } from "@millrace/model/ids.ts";
import { MemoryDisk, openMemoryStore } from "@millrace/store/memory/memory-store.ts";
import { describe, expect, it } from "vitest";
import { ONE_STEP, ShardBench, TENANT, TWO_STEPS } from "../testdata/shard-bench.ts";
import { Replica } from "./replica.ts";

const SLEEPER = "name: sleeper\nsteps:\n  nap: { uses: sleep, with: { for: 30s } }\n  a: { needs: nap, uses: work }\n";

/** A shard, and a standby of it with a disk of its own. */
class StandbyBench {
  readonly bench: ShardBench;
  readonly disk = new MemoryDisk();
  readonly mirror = new MirrorDisk();
  readonly gaps: JournalGap[] = [];
  replica: Replica;

  constructor(bench: ShardBench) {
    this.bench = bench;
    this.replica = this.begin();
  }

  static async open(...sources: string[]): Promise<StandbyBench> {
    return new StandbyBench(await ShardBench.open(...sources));
  }

  /** A standby that goes on where its disk is. */
  begin(): Replica {
    const { clock, log, blobs } = this.bench;
    return new Replica({
      store: openMemoryStore({ disk: this.disk, soon: (callback) => clock.soon(callback) }),
      blobs,
      clock,
      follow: (options) => followMemoryJournal(log, clock, options),
      mirror: openMemoryMirror(this.mirror),
      observer: { recovering() {}, recovered() {}, appended() {}, checkpointed() {}, failed() {}, unreadable() {} },
      gap: (gap) => this.gaps.push(gap),
    });
  }

  /** The owner is gone, the standby takes over. */
  async takeOver(): Promise<void> {
    const { bench } = this;
    bench.die();
    const ending = this.replica.end();
    await bench.settle();
    const folded = await ending;
    bench.disk = this.disk;
    bench.shard = bench.make();
    bench.shard.tasks.connect(bench);
    const opened = bench.shard.open(folded);
    await bench.settle();
    await opened;
    await bench.settle();
    bench.workersAreBack();
    await bench.settle();
  }
}

async function bytesOf(bench: ShardBench, runId: RunId): Promise<string> {
  let hex = "";
  bench.shard.run(TENANT, runId, (view) => {
    if (!("code" in view)) hex = Buffer.from(view.bytes).toString("hex");
  });
  await bench.settle();
  return hex;
}

describe("a standby", () => {
  it("I5: holds what its owner holds, byte for byte, whatever either has checkpointed", async () => {
    const standby = await StandbyBench.open(TWO_STEPS, SLEEPER);
    const { bench } = standby;
    const runs: RunId[] = [];
    for (let round = 0; round < 6; round++) {
      runs.push(await bench.start("two"), await bench.start("sleeper"));
      const [task] = bench.pull(1);
      if (task !== undefined) await bench.complete(task);
      if (round === 2) await bench.checkpoint();
      if (round === 3) {
        const written = standby.replica.checkpoint();
        await bench.settle();
        await written;
      }
    }
    await bench.pass(31_000);
    expect(standby.replica.position).toBe(bench.log.tail.position);
    for (const runId of runs) {
      const view = standby.replica.run(TENANT, runId);
      expect("code" in view ? view.code : Buffer.from(view.bytes).toString("hex")).toBe(await bytesOf(bench, runId));
    }
    const all = { workflow: null, status: null, startedFromMs: 0, startedUntilMs: 0, before: null, limit: 100 };
    const listed = standby.replica.list({ tenant: TENANT, ...all }).runs;
    expect(listed.map(({ runId }) => runId)).toEqual((await bench.list()).runs.map(({ runId }) => runId));
    expect(standby.gaps).toEqual([]);
  });

  it("I6: takes over with everything that was acked, and gives every run what it is owed", async () => {
    const standby = await StandbyBench.open(TWO_STEPS, SLEEPER);
    const { bench } = standby;
    const sleeper = await bench.start("sleeper");
    const written = standby.replica.checkpoint();
    await bench.settle();
    await written;
    const two = await bench.start("two");
    const held = bench.pull(1)[0];
    if (held === undefined) throw new Error("No task.");
    await bench.complete(held, "7");
    const lastOfOwner = bench.log.tail.position;
    await standby.takeOver();
    expect(bench.log.tail.position).toBe(lastOfOwner + 1);
    const [task, ...others] = bench.pull();
    expect([task?.runId, task?.step, others]).toEqual([two, 1, []]);
    if (task !== undefined) await bench.complete(task);
    expect(await bench.status(two)).toBe("completed");
    await bench.pass(31_000);
    const [woken] = bench.pull();
    expect(woken?.runId).toBe(sleeper);
    if (woken !== undefined) await bench.complete(woken);
    expect(await bench.status(sleeper)).toBe("completed");
    await bench.checkpoint();
    await bench.crash();
    expect(await bench.status(two)).toBe("completed");
    expect((await bench.list({ status: "completed" })).runs).toHaveLength(2);
  });

  it("I5: takes over in the middle of its own checkpoint, and the store stays whole", async () => {
    for (let slices = 0; slices < 6; slices++) {
      const standby = await StandbyBench.open(TWO_STEPS);
      const { bench } = standby;
      const runs: RunId[] = [];
      for (let index = 0; index < 700; index++) runs.push(await bench.start("two"));
      for (const task of bench.pull(300)) await bench.complete(task);
      void standby.replica.checkpoint();
      for (let step = 0; step < slices * 3; step++) bench.clock.step();
      await standby.takeOver();
      for (const task of bench.pull()) await bench.complete(task);
      for (const task of bench.pull()) await bench.complete(task);
      await bench.checkpoint();
      await bench.crash();
      expect((await bench.list({ status: "completed", limit: 1000 })).runs).toHaveLength(700);
      expect((await bench.list({ status: "running", limit: 1000 })).runs).toHaveLength(0);
    }
  }, 120_000);

  it("I5: completes no checkpoint before it has caught up with what its store already holds", async () => {
    const standby = await StandbyBench.open(TWO_STEPS);
    const { bench } = standby;
    const runs = 700;
    for (let index = 0; index < runs; index++) await bench.start("two");
    // Begins a checkpoint and leaves it after some slices.
    void standby.replica.checkpoint();
    while (standby.disk.tables.aheadTo === 0) bench.clock.step();
    const ending = standby.replica.end();
    await bench.settle();
    await ending;
    const { aheadTo } = standby.disk.tables;
    expect(aheadTo).toBeGreaterThan(runs / 2);
    for (const task of bench.pull()) await bench.complete(task);
    for (const task of bench.pull()) await bench.complete(task);
    // Begun again, it is due for a checkpoint long before it is where the store was; and dies after it.
    const again = standby.begin();
    while (again.position === 0) bench.clock.step();
    expect(again.position).toBeLessThan(aheadTo);
    const early = again.checkpoint();
    await bench.settle();
    await early;
    await again.end();
    standby.replica = standby.begin();
    await bench.settle();
    await standby.takeOver();
    await bench.checkpoint();
    await bench.crash();
    expect((await bench.list({ status: "completed", limit: 1000 })).runs).toHaveLength(runs);
    expect((await bench.list({ status: "running", limit: 1000 })).runs).toHaveLength(0);
  }, 120_000);

  it("goes on where it was when it is begun again, and reads back its mirror", async () => {
    const standby = await StandbyBench.open(ONE_STEP);
    const { bench } = standby;
    await bench.start("one");
    const written = standby.replica.checkpoint();
    await bench.settle();
    await written;
    const ending = standby.replica.end();
    await bench.settle();
    await ending;
    const second = await bench.start("one");
    standby.replica = standby.begin();
    await bench.settle();
    expect(standby.replica.position).toBe(bench.log.tail.position);
    expect(standby.replica.run(TENANT, second)).toMatchObject({ runId: second });
    expect(standby.mirror.tail?.position).toBe(bench.log.tail.position);
  });

  it("says so when the records it needs are gone", async () => {
    const standby = await StandbyBench.open(ONE_STEP);
    const { bench } = standby;
    const ending = standby.replica.end();
    await bench.settle();
    await ending;
    await bench.start("one");
    await bench.checkpoint();
    await bench.start("one");
    standby.replica = standby.begin();
    await bench.settle();
    expect(standby.gaps).toMatchObject([{ type: "truncated" }]);
  });
});
