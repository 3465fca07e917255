import { RECORD_HEADER_BYTES } from "@millrace/journal/record.ts";
import { position, shardId } from "@millrace/model/ids.ts";
import { describe, expect, it } from "vitest";
import { HostBench, HostProcess, SHARD } from "./testdata/host-bench.ts";

const SERVING = { type: "serving" };

/** A shard that one process owns and another one follows. */
async function pair(): Promise<{ bench: HostBench; owner: HostProcess; other: HostProcess }> {
  const bench = new HostBench();
  const owner = new HostProcess(bench, "a");
  const other = new HostProcess(bench, "b");
  expect(await owner.takeOver()).toEqual(SERVING);
  await other.follow();
  return { bench, owner, other };
}

/** Nothing of the shard is held. */
function expectNothing(process: HostProcess): void {
  expect([process.host.progress(), process.host.owned().size, process.folder().isOpen]).toEqual([[], 0, false]);
}

/** As {@link pair}, but the other process is away, and the owner has cut off what it needs. */
async function farBehind() {
  const { bench, owner, other } = await pair();
  await owner.start(2);
  await other.checkpoint();
  await other.drop();
  await owner.start(2);
  await owner.checkpoint();
  const snapshotAt = await owner.snapshot();
  const runs = await owner.start(2);
  expect(bench.log().base.position).toBeGreaterThan(other.folder().disk.tables.meta?.position ?? 0);
  return { bench, owner, other, runs, snapshotAt };
}

describe("a hosted shard", () => {
  it("I6: is a standby, its owner, released, and a standby again, on the same place", async () => {
    const { bench, owner, other } = await pair();
    const runs = await owner.start(3);
    expect(other.host.progress()).toMatchObject([{ shard: SHARD, position: 4, lag: 0, isCaughtUp: true, term: 0 }]);
    await owner.release();
    expect(await other.takeOver()).toEqual(SERVING);
    expect(other.host.progress()).toMatchObject([{ position: 5, term: 2, lag: 0 }]);
    for (const run of runs) expect(other.host.knows(SHARD, run)).toBe(true);
    await other.start();
    await other.release();
    expectNothing(other);
    await owner.takeOver();
    await other.follow();
    expect(other.position).toBe(bench.log().tail.position);
    expect(other.folder()).toMatchObject({ opened: 2, isOpen: true });
    await other.drop();
    expectNothing(other);
    expect(other.closings).toBe(1);
  });

  it("I2: is not claimed when it is released before that", async () => {
    const { bench, owner, other } = await pair();
    const { tail } = bench.log();
    let goOn = (): void => {};
    other.beforeJournal = () => new Promise((resolve) => (goOn = resolve));
    const taking = other.beginTakeOver();
    await bench.settle();
    const released = other.host.release(SHARD);
    goOn();
    await bench.settle();
    await released;
    expect(await taking).toEqual({ type: "released" });
    expect(bench.log().tail).toEqual(tail);
    expectNothing(other);
    expect([other.lost, owner.lost]).toEqual([[], []]);
  });

  it("is released in the same breath as it is taken over", async () => {
    const { bench, other } = await pair();
    const { tail } = bench.log();
    const taking = other.beginTakeOver();
    const released = other.host.release(SHARD);
    await bench.settle();
    await released;
    expect([await taking, bench.log().tail]).toEqual([{ type: "released" }, tail]);
    expectNothing(other);
  });

  it("fails to be taken over by a process that may not claim it, and nothing of it is held", async () => {
    const { bench, other } = await pair();
    const { tail } = bench.log();
    other.mayClaim = false;
    expect(await other.takeOver()).toMatchObject({ type: "failed" });
    expect(bench.log().tail).toEqual(tail);
    expectNothing(other);
    other.mayClaim = true;
    expect(await other.takeOver()).toEqual(SERVING);
  });

  it("is let go of, and that said once, when another process has claimed it", async () => {
    const { bench, owner, other } = await pair();
    await other.takeOver();
    await expect(owner.start()).rejects.toThrow("Not started");
    await bench.settle();
    expect(owner.lost).toHaveLength(1);
    expect(owner.closings).toBe(1);
    expectNothing(owner);
    await owner.release();
    expect([owner.lost.length, owner.closings]).toEqual([1, 1]);
    await owner.follow();
    await other.start();
    expect(owner.position).toBe(bench.log().tail.position);
  });

  it("is let go of as a whole though a part of it cannot be closed", async () => {
    const { bench, owner, other } = await pair();
    owner.afterClosing = () => Promise.reject(new Error("the disk is gone"));
    await other.takeOver();
    await expect(owner.start()).rejects.toThrow("Not started");
    expect([owner.lost.length, owner.letGoFailures]).toEqual([1, ["the disk is gone"]]);
    expectNothing(owner);
    other.afterClosing = owner.afterClosing;
    await other.release();
    expectNothing(other);
    await other.follow();
    await other.drop();
    expect(other.letGoFailures).toHaveLength(2);
    expect(await owner.takeOver()).toEqual(SERVING);
    await bench.settle();
  });

  it("begins in a new place where another generation of its journal counts", async () => {
    const { bench, owner, other } = await pair();
    await owner.start(3);
    await other.checkpoint();
    const next = bench.map(2);
    expect(await other.takeOver(next)).toEqual(SERVING);
    expect(bench.log(2).tail.position).toBe(1);
    expect([other.folder(1).isOpen, other.folder(2).isOpen]).toEqual([false, true]);
    await other.start();
    await owner.release();
    owner.ownerPosition = () => bench.log(2).tail.position;
    await owner.follow(next);
    expect(owner.host.progress()).toMatchObject([{ position: 2, isCaughtUp: true }]);
    expect(bench.log(1).tail.position).toBe(4);
  });

  it("says that it is opening until its place is open, and is not forgotten before", async () => {
    const { bench, other } = await pair();
    await other.drop();
    let goOn = (): void => {};
    other.beforeStore = () => new Promise((resolve) => (goOn = resolve));
    await other.follow();
    expect(other.host.progress()).toMatchObject([{ position: 0, isCaughtUp: false, failures: 0, lag: 1 }]);
    const dropped = other.host.drop(SHARD);
    const taking = other.beginTakeOver();
    goOn();
    await bench.settle();
    await dropped;
    goOn();
    await bench.settle();
    expect(await taking).toEqual(SERVING);
    expect(other.host.owned().size).toBe(1);
  });

  it("drops what is past retention though another shard's store cannot", async () => {
    const { bench, other } = await pair();
    await other.follow(bench.map(2, shardId(4)));
    other.folder(1).isStuck = true;
    await expect(other.host.retain(bench.clock.nowMs())).rejects.toThrow("The folder cannot be read.");
    expect([other.folder(1).retained, other.folder(2).retained]).toEqual([0, 1]);
  });

  it("drops what is past retention from the stores of owner and standby, and of none that is closed", async () => {
    const { bench, owner, other } = await pair();
    await owner.start();
    await owner.checkpoint();
    await other.checkpoint();
    for (const process of [owner, other]) {
      const retained = process.host.retain(bench.clock.nowMs());
      const over = process === owner ? process.host.release(SHARD) : process.host.drop(SHARD);
      await bench.settle();
      await retained;
      await over;
      expectNothing(process);
      await process.host.retain(bench.clock.nowMs());
    }
  });
});

describe("a standby", () => {
  it("I6: whose records are cut off boots from the newest snapshot", async () => {
    const { bench, other, runs, snapshotAt } = await farBehind();
    await other.follow();
    expect(other.failures).toMatchObject([{ reason: `Records before ${bench.log().base.position + 1} are gone.` }]);
    expect(other.host.progress()).toMatchObject([{ position: 0, isCaughtUp: false, failures: 1 }]);
    await bench.pass(200);
    expect(other.host.progress()).toMatchObject([
      { position: bench.log().tail.position, failures: 0, isCaughtUp: true },
    ]);
    expect(other.folder().disk.tables.meta?.position).toBe(snapshotAt);
    expect(await other.takeOver()).toEqual(SERVING);
    for (const run of runs) expect(other.host.knows(SHARD, run)).toBe(true);
  });

  it("boots later when the snapshot cannot be had now", async () => {
    const { bench, other } = await farBehind();
    bench.archive.fault = ({ method, name }) =>
      method === "get" && name.includes("/parts/") ? new Error("the line was cut") : null;
    await other.follow();
    await bench.pass(200);
    expect(other.failures.map(({ reason }) => reason)).toEqual([expect.stringContaining("gone"), "the line was cut"]);
    expect(other.folder().isOpen).toBe(false);
    bench.archive.fault = null;
    await bench.pass(400);
    expect(other.host.progress()).toMatchObject([{ position: bench.log().tail.position, failures: 0 }]);
  });

  it("that fails is begun again with growing delays, and not after it is dropped", async () => {
    const { bench, other } = await pair();
    await other.drop();
    other.beforeStore = () => Promise.reject(new Error("no room"));
    const fromMs = bench.clock.monotonicMs();
    await other.follow();
    await bench.pass(60_000);
    const delays = other.failures.map(({ atMs }, index) => atMs - (other.failures[index - 1]?.atMs ?? fromMs));
    expect(delays.slice(0, 9)).toEqual([0, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    expect(other.host.progress()).toMatchObject([{ failures: delays.length, isCaughtUp: false }]);
    await other.drop();
    await bench.pass(60_000);
    expect(other.failures).toHaveLength(delays.length);
    expectNothing(other);
  });

  it("that has caught up begins to count its failures anew", async () => {
    const { bench, other } = await pair();
    await other.drop();
    other.beforeStore = () => Promise.reject(new Error("no room"));
    await other.follow();
    await bench.pass(10_000);
    expect(other.host.progress()).toMatchObject([{ failures: 6 }]);
    other.beforeStore = () => Promise.resolve();
    await bench.pass(10_000);
    expect(other.host.progress()).toMatchObject([{ failures: 0, isCaughtUp: true }]);
  });

  it("is not begun twice because it failed before something else was wanted", async () => {
    const { bench, other } = await pair();
    const map = bench.map();
    await other.drop();
    other.beforeStore = () => Promise.reject(new Error("no room"));
    await other.follow(map);
    expect(await other.takeOver(map)).toMatchObject({ type: "failed", reason: "no room" });
    other.beforeStore = () => Promise.resolve();
    await other.follow(map);
    const { replica } = other;
    await bench.pass(1_000);
    expect(other.replica).toBe(replica);
  });

  it("that cannot fold the next record is not ready, however close it is", async () => {
    const { bench, owner, other } = await pair();
    await other.drop();
    await owner.start(2);
    bench.log().damage(position(3));
    await other.follow();
    for (const failures of [1, 2, 3]) {
      expect(other.host.progress()).toMatchObject([{ isCaughtUp: false, failures }]);
      await bench.pass(200 * 2 ** (failures - 1));
    }
    expect(other.failures).toHaveLength(4);
    expect(other.folder().isOpen).toBe(false);
  });

  it("closes its place when it cannot begin", async () => {
    const { bench, owner, other } = await pair();
    await owner.start();
    await other.checkpoint();
    await other.drop();
    const torn = { key: "definition/w", position: position(1), bytes: Buffer.alloc(RECORD_HEADER_BYTES, 255) };
    other.folder().disk.tables.rows.set(torn.key, torn);
    await other.follow();
    expect([other.failures.length, other.folder().isOpen]).toEqual([1, false]);
    await bench.pass(200);
    expect(new Set(other.failures.map(({ reason }) => reason)).size).toBe(1);
  });
});

describe("an owner", () => {
  it("I6: whose records are cut off boots from the newest snapshot", async () => {
    const { owner, other, runs } = await farBehind();
    await owner.release();
    expect(await other.takeOver()).toMatchObject({ type: "failed" });
    expectNothing(other);
    expect(await other.takeOver()).toEqual(SERVING);
    for (const run of runs) expect(other.host.knows(SHARD, run)).toBe(true);
  });

  it("takes over while the archive is out of reach", async () => {
    const { bench, owner, other } = await pair();
    await owner.start();
    await owner.checkpoint();
    await owner.snapshot();
    await owner.release();
    bench.archive.latencyMs = 60_000;
    expect(await other.takeOver()).toEqual(SERVING);
  });
});
