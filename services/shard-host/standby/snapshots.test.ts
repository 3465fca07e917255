import { MemoryArchive } from "@millrace/archive/memory/memory-archive.ts";
import { systemClock } from "@millrace/clock/system.ts";
import { position, type RunId, runId, shardId, tenantId, term, workflowName } from "@millrace/model/ids.ts";
import { MemoryDisk, openMemoryStore, restoreMemoryStore } from "@millrace/store/memory/memory-store.ts";
import type { Store } from "@millrace/store/store.ts";
import { describe, expect, it } from "vitest";
import { newestSnapshot, partsOfSnapshot, takeSnapshot } from "./snapshots.ts";

const SHARD = shardId(3);
const PLACE = { shard: SHARD, generation: 1 };

/** A store with `runs` ended runs and a checkpoint at their number. */
async function filled(store: Store, runs: number): Promise<RunId[]> {
  const ids = Array.from({ length: runs }, (_, at) => runId(`01jq3zz0h001zzzzz${String(at).padStart(3, "0")}`));
  const ended = ids.map((id) => ({
    ...{ runId: id, tenant: tenantId("t"), workflow: workflowName("w"), status: "completed" as const, endedMs: 1000 },
    ...{ previous: null, position: position(1), bytes: Buffer.from(`state of ${id}`.repeat(1000)) },
  }));
  const meta = { position: position(runs), chain: 7, term: term(1), timeMs: 1 };
  await new Promise((resolve) => store.write({ live: [], reopened: [], ended, keys: [], rows: [], meta }, resolve));
  return ids;
}

async function restored(archive: MemoryArchive): Promise<Store | null> {
  const snapshot = await newestSnapshot(archive, SHARD);
  if (snapshot === null) return null;
  const disk = new MemoryDisk();
  await restoreMemoryStore(disk, partsOfSnapshot(archive, snapshot));
  return openMemoryStore({ disk });
}

describe("snapshots", () => {
  it("are not there before a checkpoint", async () => {
    const archive = new MemoryArchive(systemClock);
    expect(await takeSnapshot(archive, systemClock, openMemoryStore(), PLACE)).toBeNull();
    expect(await newestSnapshot(archive, SHARD)).toBeNull();
  });

  it("I5: give an empty node the store as it was", async () => {
    const archive = new MemoryArchive(systemClock);
    const store = openMemoryStore();
    const ids = await filled(store, 300);
    const snapshot = await takeSnapshot(archive, systemClock, store, PLACE);
    expect(snapshot).toMatchObject({ ...PLACE, position: 300, chain: 7 });
    const second = await restored(archive);
    expect(second?.meta()).toEqual(store.meta());
    for (const id of ids) expect(second?.run(id)).toEqual(store.run(id));
  });

  it("leave parts alone that have not changed, and keep the newest two", async () => {
    const archive = new MemoryArchive(systemClock);
    const store = openMemoryStore();
    await filled(store, 1);
    const first = await takeSnapshot(archive, systemClock, store, PLACE);
    await takeSnapshot(archive, systemClock, store, PLACE);
    expect((await archive.list("shards/3/parts/")).length).toBe(1);
    for (const runs of [2, 3, 4]) {
      await filled(store, runs);
      await takeSnapshot(archive, systemClock, store, PLACE);
    }
    expect((await archive.list("shards/3/snapshots/")).length).toBe(2);
    expect((await archive.list("shards/3/parts/")).length).toBe(2);
    expect((await newestSnapshot(archive, SHARD))?.position).toBe(4);
    expect((await archive.list("")).map(({ name }) => name)).not.toContain(first?.name);
  });

  it("I6: of a new generation are newer than those of the one before, wherever its journal ended", async () => {
    const archive = new MemoryArchive(systemClock);
    const [old, healed] = [openMemoryStore(), openMemoryStore()];
    for (const runs of [400, 500]) {
      await filled(old, runs);
      await takeSnapshot(archive, systemClock, old, PLACE);
    }
    for (const runs of [3, 4]) {
      await filled(healed, runs);
      const taken = await takeSnapshot(archive, systemClock, healed, { ...PLACE, generation: 2 });
      expect((await newestSnapshot(archive, SHARD))?.name).toBe(taken?.name);
      expect((await restored(archive))?.meta()?.position).toBe(runs);
    }
    expect((await archive.list("shards/3/snapshots/")).length).toBe(2);
  });

  it("I6: a failure on the way leaves the snapshot before as it was", async () => {
    const archive = new MemoryArchive(systemClock);
    const store = openMemoryStore();
    await filled(store, 1);
    await takeSnapshot(archive, systemClock, store, PLACE);
    await filled(store, 2);
    for (const failing of ["parts", "snapshots"]) {
      archive.fault = ({ method, name }) =>
        method === "put" && name.includes(failing) ? new Error("the line was cut") : null;
      await expect(takeSnapshot(archive, systemClock, store, PLACE)).rejects.toThrow("the line was cut");
      archive.fault = null;
      expect((await restored(archive))?.meta()?.position).toBe(1);
    }
    await takeSnapshot(archive, systemClock, store, PLACE);
    expect((await restored(archive))?.meta()?.position).toBe(2);
  });
});
