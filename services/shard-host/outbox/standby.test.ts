import { MemoryArchive } from "@millrace/archive/memory/memory-archive.ts";
import { systemClock } from "@millrace/clock/system.ts";
import { followMemoryJournal } from "@millrace/journal/memory/follow.ts";
import { MirrorDisk, openMemoryMirror } from "@millrace/journal/memory/mirror.ts";
import { type RunId, shardId } from "@millrace/model/ids.ts";
import type { Task } from "@millrace/model/task.ts";
import { MemoryDisk, openMemoryStore, restoreMemoryStore } from "@millrace/store/memory/memory-store.ts";
import { describe, expect, it } from "vitest";
import { Replica } from "../standby/replica.ts";
import { newestSnapshot, partsOfSnapshot, takeSnapshot } from "../standby/snapshots.ts";
import { checkOnce } from "./testdata/check-once.ts";
import { OutboxBench } from "./testdata/outbox-bench.ts";

const CHILD = "name: child\nsteps:\n  a: { uses: work }\n";
const MANY =
  "name: many\nsteps:\n  each: { uses: workflow, forEach: '${input}', maxConcurrency: 1000, with: { name: child } }\n";
/** So many children of two parents share some ways between slots, and so their numbers. */
const ITEMS = JSON.stringify(Array.from({ length: 250 }, (_, index) => index));
const PLACE = { shard: shardId(0), generation: 1 };

interface Standby {
  readonly replica: Replica;
  readonly disk: MemoryDisk;
}

function standbyOf(bench: OutboxBench, shard: number): Standby {
  const { clock, blobs } = bench;
  const log = bench.hosts[shard]?.log;
  if (log === undefined) throw new Error(`There is no shard ${shard}.`);
  const disk = new MemoryDisk();
  const store = openMemoryStore({ disk, soon: (callback) => clock.soon(callback) });
  const replica = new Replica({
    ...{ store, blobs, clock, mirror: openMemoryMirror(new MirrorDisk()) },
    follow: (options) => followMemoryJournal(log, clock, options),
    observer: { recovering() {}, recovered() {}, appended() {}, checkpointed() {}, failed() {}, unreadable() {} },
    gap: (gap) => {
      throw new Error(`The standby lacks records: ${gap.type}.`);
    },
  });
  return { replica, disk };
}

interface Midway {
  readonly parent: RunId;
  /** What a worker has of the children that run. */
  readonly held: readonly Task[];
}

/** Some children have ended and their parent knows; some ended and it does not; some run. */
async function midway(bench: OutboxBench): Promise<Midway> {
  const parent = await bench.start("many", ITEMS);
  await bench.settle();
  const tasks = bench.pull();
  for (const task of tasks.slice(0, 100)) await bench.complete(task);
  await bench.pass(500);
  bench.onMessage = () => "lose";
  for (const task of tasks.slice(100, 200)) await bench.complete(task);
  return { parent, held: tasks.slice(200) };
}

/** Everything goes on from midway, and more children go the same ways. */
async function finish(bench: OutboxBench, { parent, held }: Midway): Promise<void> {
  bench.onMessage = () => "pass";
  for (const task of held) await bench.complete(task);
  const second = await bench.start("many", ITEMS);
  for (let round = 0; round < 60; round++) {
    await bench.pass(500);
    for (const task of bench.pull()) await bench.complete(task);
  }
  expect(bench.waiting).toBe(0);
  expect([await bench.status(parent), await bench.status(second)]).toEqual(["completed", "completed"]);
  checkOnce(bench.events());
  const ways = bench.events().flatMap((event) => (event.type === "message-applied" ? [event.number] : []));
  expect(Math.max(...ways)).toBeGreaterThan(1);
}

describe("a standby of a shard whose runs have children", () => {
  it.each(["never", "before", "midway", "under way"])(
    "I3, I6: takes over the messages that wait and the numbers of all, with a checkpoint of its own: %s",
    async (checkpoint) => {
      for (const shard of [0, 1]) {
        const bench = await OutboxBench.open(2, CHILD, MANY);
        const { replica, disk } = standbyOf(bench, shard);
        if (checkpoint === "before") await bench.start("many", "[1,2,3]");
        if (checkpoint === "before") await bench.until(replica.checkpoint());
        const reached = await midway(bench);
        if (checkpoint === "midway") await bench.until(replica.checkpoint());
        if (checkpoint === "under way") void replica.checkpoint();
        for (let steps = 0; checkpoint === "under way" && steps < 2; steps++) bench.clock.step();
        bench.kill(shard);
        const ending = replica.end();
        await bench.until(ending);
        const host = bench.hosts[shard];
        if (host !== undefined) host.disk = disk;
        await bench.boot(shard, await ending);
        expect(bench.waiting).toBeGreaterThan(90);
        await finish(bench, reached);
        await bench.checkpoint(shard);
        await bench.crash(shard);
        expect(bench.waiting).toBe(0);
        expect(await bench.status(reached.parent)).toBe("completed");
      }
    },
  );

  it("I3, I5: gives a snapshot the messages that wait and the numbers of all, and an empty node goes on from there", async () => {
    const bench = await OutboxBench.open(2, CHILD, MANY);
    const archive = new MemoryArchive(systemClock);
    const { replica, disk } = standbyOf(bench, 0);
    const reached = await midway(bench);
    await bench.until(replica.checkpoint());
    await takeSnapshot(archive, systemClock, openMemoryStore({ disk }), PLACE);
    const snapshot = await newestSnapshot(archive, PLACE.shard);
    if (snapshot === null) throw new Error("There is no snapshot.");
    bench.kill(0);
    await bench.until(replica.end());
    const host = bench.hosts[0];
    if (host !== undefined) host.disk = new MemoryDisk();
    if (host !== undefined) await restoreMemoryStore(host.disk, partsOfSnapshot(archive, snapshot));
    expect(snapshot.position).toBe(host?.log.tail.position);
    await bench.boot(0);
    await finish(bench, reached);
  });
});
