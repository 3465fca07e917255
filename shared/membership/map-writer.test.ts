import { VirtualClock } from "@millrace/clock/virtual.ts";
import { initialMap } from "@millrace/core/placement/initial-map.ts";
import { MemoryKv } from "@millrace/kv/memory/store.ts";
import { expect, test } from "vitest";
import { MapWatch } from "./map-watch.ts";
import { MapWriter } from "./map-writer.ts";
import { ANSWER_MS } from "./timing.ts";

function begin(epoch: number): {
  readonly clock: VirtualClock;
  readonly store: MemoryKv;
  readonly mapWatch: MapWatch;
  readonly writer: MapWriter;
} {
  const clock = new VirtualClock(1);
  const store = new MemoryKv(clock);
  store.latencyMs = 5;
  const kv = store.connect("self");
  const mapWatch = new MapWatch(
    kv,
    () => {},
    () => {},
  );
  mapWatch.start();
  return { clock, store, mapWatch, writer: new MapWriter({ kv, clock, mapWatch }, epoch) };
}

test("a coordinator seals what there is, or begins", async () => {
  const { clock, mapWatch, writer } = begin(4);
  writer.seal(initialMap(2, 1));
  expect(writer.isWriting).toBe(false); // Nobody knows yet that there is no map.
  await clock.advance(20);
  writer.seal(initialMap(2, 1));
  await clock.advance(20);
  expect([writer.isSealed, mapWatch.newest?.map.epoch, mapWatch.newest?.map.version]).toEqual([true, 4, 1]);
});

test("leases are granted on the terms of a map from the moment it is sent, whatever becomes of it", async () => {
  const { clock, store, mapWatch, writer } = begin(1);
  await clock.advance(20);
  writer.seal(initialMap(2, 1));
  await clock.advance(20);
  store.fault = () => "lost";
  const map = mapWatch.newest?.map ?? initialMap(2, 1);
  writer.change({ ...map, version: 2 });
  expect([writer.presumedVersion, mapWatch.newest?.map.version]).toEqual([2, 1]);
  await clock.advance(2 * ANSWER_MS);
  expect([writer.presumedVersion, mapWatch.newest?.map.version]).toEqual([2, 1]);
  // It comes to be after all, even if there is nothing to change by now: nobody could use a lease otherwise.
  store.fault = null;
  writer.change(null);
  await clock.advance(20);
  expect([writer.presumedVersion, mapWatch.newest?.map]).toEqual([2, { ...map, version: 2 }]);
});

test("a coordinator does not write over its successor's map", async () => {
  const { clock, store, mapWatch, writer } = begin(1);
  await clock.advance(20);
  writer.seal(initialMap(2, 1));
  await clock.advance(20);
  const revision = mapWatch.newest?.revision ?? 0;
  const other = store.connect("other");
  const otherWatch = new MapWatch(
    other,
    () => {},
    () => {},
  );
  otherWatch.start();
  await clock.advance(20);
  const successor = new MapWriter({ kv: other, clock, mapWatch: otherWatch }, 2);
  successor.seal(initialMap(2, 1));
  await clock.advance(20);
  expect(writer.isSealed).toBe(false);
  writer.seal(initialMap(2, 1));
  expect(writer.isWriting).toBe(false);
  expect(mapWatch.newest).toMatchObject({ map: { epoch: 2, version: 2 } });
  expect(mapWatch.newest?.revision).toBeGreaterThan(revision);
});
