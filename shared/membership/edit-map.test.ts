import { drain, VirtualClock } from "@millrace/clock/virtual.ts";
import { initialMap } from "@millrace/core/placement/initial-map.ts";
import { MemoryKv } from "@millrace/kv/memory/store.ts";
import { processName } from "@millrace/model/ids.ts";
import { describe, expect, test } from "vitest";
import { type EditOutcome, setDraining } from "./edit-map.ts";
import { parseMap, printMap } from "./map-text.ts";
import { MAP_KEY } from "./map-watch.ts";

class World {
  readonly clock = new VirtualClock(1);
  readonly store = new MemoryKv(this.clock);
  readonly kv = this.store.connect("operator");

  async settle<Value>(promise: Promise<Value>): Promise<Value> {
    let settled: { readonly value: Value } | undefined;
    void promise.then((value) => (settled = { value }));
    while (settled === undefined) {
      await drain();
      this.clock.step();
    }
    return settled.value;
  }

  async write(map = initialMap(2, 1)): Promise<void> {
    const entry = await this.settle(this.kv.get(MAP_KEY));
    await this.settle(this.kv.put(MAP_KEY, printMap(map), entry?.revision ?? 0));
  }

  drain(name: string, isDraining: boolean): Promise<EditOutcome> {
    return this.settle(setDraining(this.kv, processName(name), isDraining));
  }

  get stored(): unknown {
    const value = this.store.entries()[0]?.value;
    return value == null ? null : parseMap(value);
  }
}

describe("draining", () => {
  test("is set and taken back; what is so already is not written", async () => {
    const world = new World();
    await world.write();
    expect(await world.drain("a", true)).toMatchObject({ type: "done", map: { version: 2, draining: ["a"] } });
    expect(await world.drain("a", true)).toMatchObject({ type: "done", map: { version: 2 } });
    expect(await world.drain("b", true)).toMatchObject({ map: { version: 3, draining: ["a", "b"] } });
    expect(await world.drain("a", false)).toMatchObject({ map: { version: 4, draining: ["b"] } });
    expect(world.stored).toEqual({ ...initialMap(2, 1), version: 4, draining: ["b"] });
  });

  test("goes on top of what somebody else wrote in between", async () => {
    const world = new World();
    await world.write();
    await world.write({ ...initialMap(2, 1), version: 9 });
    let races = 3;
    world.store.isReadStale = () => races-- > 0;
    expect(await world.drain("a", true)).toMatchObject({ type: "done", map: { version: 10, draining: ["a"] } });
  });

  test("gives up when others are always faster, and says when nobody knows, or nothing is there", async () => {
    const world = new World();
    expect(await world.drain("a", true)).toEqual({ type: "failed", reason: expect.stringContaining("no map yet") });
    await world.write();
    await world.write({ ...initialMap(2, 1), version: 2 });
    world.store.isReadStale = () => true;
    expect(await world.drain("a", true)).toMatchObject({ type: "failed", reason: expect.stringContaining("20 times") });
    world.store.isReadStale = null;
    world.store.fault = () => "lost";
    expect(await world.drain("a", true)).toMatchObject({
      type: "failed",
      reason: expect.stringContaining("no answer"),
    });
    world.kv.cut();
    expect(await world.drain("a", true)).toMatchObject({
      type: "failed",
      reason: expect.stringContaining("No answer"),
    });
  });
});
