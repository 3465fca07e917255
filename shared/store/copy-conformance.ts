// What the copies of every store must be like, and stores opened on them.
import { tenantId } from "@millrace/model/ids.ts";
import { afterEach, describe, expect, it } from "vitest";
import {
  DAY_MS,
  endedRow,
  filter,
  keyRow,
  liveRow,
  metaAt,
  rowsIn,
  runAt,
  type StorePlace,
  shardRow,
  TENANT,
  write,
} from "./conformance.ts";
import { type ArrivingPart, PERIOD_MS, partKey, type Store, type StoreCopy } from "./store.ts";

/** A place whose store can be filled with a copy before it is opened. */
export interface CopyPlace extends StorePlace {
  restore(parts: AsyncIterable<ArrivingPart>): Promise<void>;
}

const NOTHING: ReadonlySet<string> = new Set();
const INDEX = { status: "running", dueMs: DAY_MS + 500 } as const;

/** Registers the suite for one adapter. */
export function copyConformance(adapter: string, place: () => Promise<CopyPlace>): void {
  describe(`copies of the ${adapter} store`, () => {
    const places: CopyPlace[] = [];
    const stores: Store[] = [];
    const aPlace = async (): Promise<CopyPlace> => {
      const at = await place();
      places.push(at);
      return at;
    };
    const opened = async (at: CopyPlace): Promise<Store> => {
      const store = await at.open();
      stores.push(store);
      return store;
    };
    afterEach(async () => {
      for (const store of stores.splice(0)) await store.close();
      for (const at of places.splice(0)) await at.discard();
    });

    it("are not made before a checkpoint was completed", async () => {
      const store = await opened(await aPlace());
      await write(store, { live: [liveRow(runAt(DAY_MS, 1), INDEX)] });
      expect(await store.copy(NOTHING)).toBeNull();
    });

    it("I5: open elsewhere as the same store, which goes on by itself", async () => {
      const store = await opened(await aPlace());
      const [live, ended, later] = [runAt(DAY_MS, 1), runAt(DAY_MS, 2), runAt(DAY_MS, 3)];
      const row = shardRow("row/1", 8, "of the shard's own");
      await write(store, { live: [liveRow(live, INDEX)], keys: [keyRow("key", live, DAY_MS)], rows: [row] });
      await write(store, { ended: [endedRow(ended)], meta: metaAt(9) });
      const copy = await copied(store);
      await write(store, { ended: [endedRow(later)], rows: [{ ...row, bytes: null }], meta: metaAt(10) });
      const there = await aPlace();
      await there.restore(arriving(copy));
      await copy.discard();
      const second = await opened(there);
      expect(copy.meta).toMatchObject(metaAt(9));
      expect(second.meta()).toMatchObject(metaAt(9));
      expect(second.list(filter(), 9)).toEqual([ended, live]);
      expect(second.timers(DAY_MS + 500, null, 9)).toEqual([{ runId: live, tenant: TENANT, dueMs: DAY_MS + 500 }]);
      expect(second.key(TENANT, "key")?.runId).toBe(live);
      expect(rowsIn(second, "")).toEqual([{ key: "row/1", reflects: 8, text: "of the shard's own" }]);
      expect(second.run(later)).toBeUndefined();
      const next = endedRow(live, { previous: INDEX, endedMs: DAY_MS + PERIOD_MS });
      await write(second, { ended: [next], meta: metaAt(10) });
      expect(second.list(filter(), 9)).toEqual([ended, live]);
      expect(second.run(live)?.ended).toBe(true);
      expect(store.run(live)?.ended).toBe(false);
    });

    it("hold whole slices: one that is written meanwhile is in or out", async () => {
      const store = await opened(await aPlace());
      await write(store, { meta: metaAt(1) });
      const [one, other] = [runAt(DAY_MS, 1), runAt(DAY_MS, 2)];
      const writing = write(store, { live: [liveRow(one, INDEX)], ended: [endedRow(other)] });
      const copying = store.copy(NOTHING);
      const again = writing.then(() => write(store, { ended: [endedRow(one, { previous: INDEX })], meta: metaAt(2) }));
      const copy = await copying;
      await again;
      if (copy === null) throw new Error("A completed checkpoint was there.");
      const there = await aPlace();
      await there.restore(arriving(copy));
      await copy.discard();
      const second = await opened(there);
      expect(second.list(filter(), 9)).toHaveLength(second.run(other) === undefined ? 0 : 2);
      expect(second.liveRuns(null, 9)).toHaveLength(second.run(one)?.ended === false ? 1 : 0);
    });

    it("leave out the bytes of parts that are known, until these change", async () => {
      const store = await opened(await aPlace());
      await write(store, { ended: [endedRow(runAt(DAY_MS, 1))], meta: metaAt(1) });
      const first = await copied(store);
      const known = new Set(first.parts.map(partKey));
      await first.discard();
      const same = await copied(store, known);
      expect(same.parts.map(({ name, chunks }) => [name, chunks])).toEqual(first.parts.map(({ name }) => [name, null]));
      await same.discard();
      await write(store, { ended: [endedRow(runAt(DAY_MS, 2), { endedMs: DAY_MS + PERIOD_MS })], meta: metaAt(2) });
      const changed = await copied(store, known);
      expect(changed.parts.filter(({ chunks }) => chunks !== null)).not.toEqual([]);
      await changed.discard();
    });

    it("never share a tag with a store that was opened on one, once the two part", async () => {
      const store = await opened(await aPlace());
      await write(store, { meta: metaAt(1) });
      const copy = await copied(store);
      const there = await aPlace();
      await there.restore(arriving(copy));
      await copy.discard();
      const second = await opened(there);
      await write(store, { ended: [endedRow(runAt(DAY_MS, 1), { tenant: tenantId("one") })], meta: metaAt(2) });
      await write(second, { ended: [endedRow(runAt(DAY_MS, 1), { tenant: tenantId("two") })], meta: metaAt(2) });
      const [mine, its] = [await copied(store), await copied(second)];
      const keys = new Set(mine.parts.map(partKey));
      expect(its.parts.map(partKey).filter((key) => keys.has(key))).toEqual([]);
      await mine.discard();
      await its.discard();
    });

    it("leave a place as it was when a part does not arrive whole", async () => {
      const store = await opened(await aPlace());
      await write(store, { ended: [endedRow(runAt(DAY_MS, 1))], meta: metaAt(1) });
      const copy = await copied(store);
      const there = await aPlace();
      const broken = async function* (): AsyncGenerator<ArrivingPart> {
        for await (const part of arriving(copy)) yield { ...part, chunks: cutShort(part.chunks) };
      };
      await expect(there.restore(broken())).rejects.toThrow("the line was cut");
      await copy.discard();
      const second = await opened(there);
      expect(second.meta()).toBeNull();
      expect(second.list(filter(), 9)).toEqual([]);
    });
  });
}

async function copied(store: Store, known = NOTHING): Promise<StoreCopy> {
  const copy = await store.copy(known);
  if (copy === null) throw new Error("There is nothing to copy.");
  return copy;
}

async function* arriving(copy: StoreCopy): AsyncGenerator<ArrivingPart> {
  for (const { name, chunks } of copy.parts) {
    if (chunks === null) throw new Error(`Part ${name} came without its bytes.`);
    yield { name, chunks: chunks() };
  }
  await Promise.resolve();
}

async function* cutShort(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk.subarray(0, chunk.length >> 1);
    throw new Error("the line was cut");
  }
}
