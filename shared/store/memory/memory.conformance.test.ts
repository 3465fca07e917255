import { expect, it } from "vitest";
import { DAY_MS, endedRow, flush, runAt, storeConformance, write } from "../conformance.ts";
import { type CopyPlace, copyConformance } from "../copy-conformance.ts";
import { modelConformance } from "../model-conformance.ts";
import { MemoryDisk, openMemoryStore, restoreMemoryStore } from "./memory-store.ts";

async function place(): Promise<CopyPlace> {
  const disk = new MemoryDisk();
  return await Promise.resolve({
    open: async () => openMemoryStore({ disk }),
    restore: (parts) => restoreMemoryStore(disk, parts),
    discard: async () => {},
  });
}

storeConformance("memory", place);
modelConformance("memory", place);
copyConformance("memory", place);

it("loses in a crash what was not flushed, but for the slices it is told to keep", async () => {
  const disk = new MemoryDisk();
  const store = openMemoryStore({ disk });
  const runs = [1, 2, 3, 4].map((serial) => runAt(DAY_MS, serial));
  for (const [i, id] of runs.entries()) {
    await write(store, { ended: [endedRow(id)] });
    if (i === 0) await flush(store);
  }
  expect(disk.unflushed).toBe(3);
  disk.crash(1);
  const reopened = openMemoryStore({ disk });
  expect(runs.map((id) => reopened.run(id) !== undefined)).toEqual([true, true, false, false]);
});

it("answers what it is told to, and then wrote nothing", async () => {
  const store = openMemoryStore({ outcome: () => ({ type: "full" }) });
  const id = runAt(DAY_MS, 1);
  expect(await write(store, { ended: [endedRow(id)] })).toEqual({ type: "full" });
  expect(store.run(id)).toBeUndefined();
});
