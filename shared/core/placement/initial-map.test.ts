import { SLOT_COUNT } from "@millrace/model/ids.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { initialMap, SHARDS_MAX } from "./initial-map.ts";

describe("the initial map", () => {
  test("covers every slot once, in ranges of equal size, over all streams", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), (shards, draw) => {
        const streams = 1 + (draw % shards);
        const map = initialMap(shards, streams);
        expect(map.shards).toHaveLength(shards);
        expect(map.shards[0]?.from).toBe(0);
        expect(map.shards.at(-1)?.until).toBe(SLOT_COUNT);
        for (const [index, { from, until }] of map.shards.entries()) {
          expect(from).toBe(map.shards[index - 1]?.until ?? 0);
          expect(Math.abs(until - from - SLOT_COUNT / shards)).toBeLessThan(1);
        }
        expect(new Set(map.shards.map(({ stream }) => stream)).size).toBe(streams);
      }),
      { numRuns: 50 },
    );
  });

  test("puts a slot where a data folder of as many shards has it", () => {
    for (const shards of [1, 3, 7, 64])
      for (const { id, from, until } of initialMap(shards, 1).shards)
        for (const slot of [from, until - 1]) expect(Math.floor((slot * shards) / SLOT_COUNT)).toBe(id);
  });

  test("has as many shards as there may be", () => {
    expect(initialMap(SHARDS_MAX, 8).shards).toHaveLength(SHARDS_MAX);
  });

  test.each([
    [0, 1],
    [SHARDS_MAX + 1, 1],
    [2, 3],
    [2, 0],
    [1.5, 1],
  ])("of %d shards on %d streams is refused", (shards, streams) => {
    expect(() => initialMap(shards, streams)).toThrow(RangeError);
  });
});
