import { openMemoryMirror } from "@millrace/journal/memory/mirror.ts";
import { openMemoryStore } from "@millrace/store/memory/memory-store.ts";
import { describe, expect, it } from "vitest";
import { ShardPlace } from "./shard-place.ts";
import { Snapshooter } from "./snapshooter.ts";
import { HostBench, HostProcess, SHARD } from "./testdata/host-bench.ts";

const LOOK_MS = 10_000;
const EVERY_MS = 5 * 60_000;
const MIB = 1024 * 1024;

/** A shard that one process owns and another one follows. */
async function pair(): Promise<{ bench: HostBench; owner: HostProcess; other: HostProcess }> {
  const bench = new HostBench();
  const owner = new HostProcess(bench, "a");
  const other = new HostProcess(bench, "b");
  await owner.takeOver();
  await other.follow();
  return { bench, owner, other };
}

describe("snapshots of a hosted shard", () => {
  it("I6: are taken by its standby now and then, and the owner cuts off what they hold, and nothing before", async () => {
    const { bench, owner, other } = await pair();
    const runs = await owner.start(3);
    await owner.checkpoint();
    expect([bench.log().base.position, bench.said()]).toEqual([0, null]);
    await other.checkpoint();
    // Which of the two looks first is up to the clock's seed; the owner looks again.
    await bench.pass(2 * LOOK_MS);
    expect(await bench.snapshots()).toEqual([4]);
    expect(bench.said()).toMatchObject({ generation: 1, position: 4 });
    expect(bench.log().base.position).toBe(4);
    runs.push(...(await owner.start(3)));
    await owner.checkpoint();
    await other.checkpoint();
    await bench.pass(EVERY_MS - 3 * LOOK_MS);
    expect([await bench.snapshots(), bench.log().base.position]).toEqual([[4], 4]);
    await bench.pass(4 * LOOK_MS);
    expect([await bench.snapshots(), bench.log().base.position]).toEqual([[4, 7], 7]);
    for (const { mirror } of [owner.folder(), other.folder()])
      expect([mirror.base?.position, mirror.tail?.position]).toEqual([6, 7]);
    const third = new HostProcess(bench, "c");
    await owner.release();
    await third.takeOver();
    for (const run of runs) expect(third.host.knows(SHARD, run)).toBe(true);
  });

  it("are taken by the owner where there is no standby, later", async () => {
    const bench = new HostBench();
    const owner = new HostProcess(bench, "a");
    await owner.takeOver();
    await owner.start();
    await owner.checkpoint();
    await bench.pass(2 * EVERY_MS - LOOK_MS);
    expect(await bench.snapshots()).toEqual([]);
    await bench.pass(LOOK_MS);
    expect([await bench.snapshots(), bench.log().base.position]).toEqual([[2], 2]);
    await bench.pass(4 * EVERY_MS);
    expect(await bench.snapshots()).toEqual([2]);
  });

  it("say nothing older than what somebody else has said", async () => {
    const { bench, owner } = await pair();
    await owner.start();
    const newer = Buffer.from('{"generation":1,"position":3,"madeMs":1}');
    const put = bench.common.connect("stranger").put(`snapshot.${SHARD}`, newer, 0);
    await bench.settle();
    expect(await put).toMatchObject({ type: "put" });
    expect(await owner.snapshot()).toBe(2);
    expect(bench.said()).toMatchObject({ position: 3 });
  });

  it("are taken and said whatever another version has left in the common memory", async () => {
    for (const said of ["{", "7", '{"generation":1,"position":"far"}']) {
      const { bench, owner, other } = await pair();
      await owner.start();
      await other.checkpoint();
      const put = bench.common.connect("stranger").put(`snapshot.${SHARD}`, Buffer.from(said), 0);
      await bench.settle();
      expect(await put).toMatchObject({ type: "put" });
      await bench.pass(LOOK_MS);
      expect(bench.said()).toMatchObject({ position: 2 });
      expect([...owner.snapshotFailures, ...other.snapshotFailures]).toEqual([]);
    }
  });

  it("are not taken again at once because they could not be said", async () => {
    const { bench, owner, other } = await pair();
    await owner.start();
    await other.checkpoint();
    let taken = 0;
    bench.archive.fault = ({ method, name }) => {
      if (method !== "put" || !name.includes("/snapshots/")) return null;
      taken++;
      other.kv.cut();
      return null;
    };
    await bench.pass(2 * LOOK_MS);
    expect(other.snapshotFailures).toHaveLength(1);
    other.kv.mend();
    await bench.pass(5 * LOOK_MS);
    expect([taken, bench.said()]).toEqual([1, null]);
  });

  it("are tried again when they fail", async () => {
    const { bench, owner, other } = await pair();
    await owner.start();
    await other.checkpoint();
    bench.archive.fault = () => new Error("the line was cut");
    await bench.pass(3 * LOOK_MS + 1);
    expect(other.snapshotFailures).toEqual(Array.from({ length: 3 }, () => "the line was cut"));
    bench.archive.fault = null;
    await bench.pass(LOOK_MS);
    expect(await bench.snapshots()).toEqual([2]);
  });

  it("are given up where the shard is let go of, before its store is closed", async () => {
    const { bench, owner, other } = await pair();
    await owner.start();
    await owner.checkpoint();
    await other.checkpoint();
    for (const process of [owner, other]) {
      for (let steps = 0; steps < 24; steps++) {
        if (process === owner) await owner.takeOver();
        else await other.follow();
        const taking = process.host.snapshot(SHARD).catch(String);
        for (let step = 0; step < steps; step++) await bench.step();
        const over = process === owner ? owner.host.release(SHARD) : other.host.drop(SHARD);
        await bench.settle();
        await over;
        expect([process.folder().isOpen, process.letGoFailures]).toEqual([false, []]);
        expect(["number", "string"]).toContain(typeof (await taking));
      }
    }
  });

  it("of a standby and of the owner that it becomes are taken one after the other", async () => {
    const { bench, owner, other } = await pair();
    await owner.start();
    await other.checkpoint();
    await owner.release();
    const first = other.host.snapshot(SHARD).catch(String);
    const taking = other.beginTakeOver();
    await bench.settle();
    expect(await taking).toEqual({ type: "serving" });
    expect(await other.snapshot()).toBe(3);
    expect(await first).toMatch(/given up|changed its role/);
    expect(other.snapshotFailures).toEqual([]);
  });
});

/** Looks after a store with a checkpoint at 2, where the common memory says this of snapshots. */
async function lookingAfter(said: unknown) {
  const { bench, owner, other } = await pair();
  await owner.start();
  await other.checkpoint();
  await other.drop();
  await owner.release();
  const kv = bench.common.connect("c");
  if (said !== null) void kv.put(`snapshot.${SHARD}`, Buffer.from(JSON.stringify(said)), 0);
  await bench.settle();
  const { disk, mirror } = other.folder();
  const store = openMemoryStore({ disk, soon: (callback) => bench.clock.soon(callback) });
  const observed = { taken: [] as number[], heard: [] as number[], bytes: 0 };
  const observer = {
    shard: () => {
      throw new Error("Nothing is opened.");
    },
    standbyFailed: () => {},
    letGoFailed: () => {},
    snapshotTaken: (_: unknown, at: number) => observed.taken.push(at),
    snapshotFailed: (_: unknown, reason: string) => {
      throw new Error(reason);
    },
  };
  const { clock, archive } = bench;
  const snapshooter = new Snapshooter(
    { clock, archive, kv, observer },
    {
      place: new ShardPlace(bench.map(), store, openMemoryMirror(mirror)),
      bytes: () => observed.bytes,
      patience: 2,
      taken: (at) => {
        observed.heard.push(at);
        return Promise.resolve();
      },
    },
  );
  return { bench, observed, snapshooter };
}

describe("a snapshooter", () => {
  it("takes none that is older than the newest one it has heard of", async () => {
    const { bench, observed } = await lookingAfter({ generation: 1, position: 9 });
    await bench.pass(10 * EVERY_MS);
    expect(observed).toMatchObject({ taken: [], heard: [9] });
  });

  it("does not take the word of another generation for its own, nor its own for a newer one's", async () => {
    const { bench, observed } = await lookingAfter({ generation: 2, position: 9 });
    await bench.pass(2 * EVERY_MS);
    expect(observed).toMatchObject({ taken: [2], heard: [2] });
    expect(bench.said()).toEqual({ generation: 2, position: 9 });
  });

  it("counts bytes of journal from where there were fewest since the last one", async () => {
    const { bench, observed } = await lookingAfter({ generation: 1, position: 1 });
    observed.bytes = 600 * MIB;
    await bench.pass(LOOK_MS);
    expect(observed).toMatchObject({ taken: [], heard: [1] });
    // Cut off.
    observed.bytes = 10 * MIB;
    await bench.pass(LOOK_MS);
    observed.bytes = 500 * MIB;
    await bench.pass(LOOK_MS);
    expect(observed.taken).toEqual([]);
    observed.bytes = 522 * MIB;
    await bench.pass(LOOK_MS);
    expect(observed.taken).toEqual([2]);
  });

  it("does nothing after its end", async () => {
    const { bench, observed, snapshooter } = await lookingAfter(null);
    observed.bytes = 600 * MIB;
    snapshooter.end();
    await bench.pass(10 * EVERY_MS);
    expect(observed).toMatchObject({ taken: [], heard: [] });
    await expect(snapshooter.now()).rejects.toThrow("given up");
  });
});
