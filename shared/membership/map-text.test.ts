import { initialMap } from "@millrace/core/placement/initial-map.ts";
import type { ClusterMap, MapShard } from "@millrace/model/cluster.ts";
import { processId, processName } from "@millrace/model/ids.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseMap, printMap } from "./map-text.ts";

const processes = fc.constantFrom("a-00000000", "b-00000001", "c_c-0123abcd").map(processId);
const maps = fc
  .record({
    shards: fc.integer({ min: 1, max: 40 }),
    owner: fc.option(processes),
    other: fc.option(processes),
    draining: fc.uniqueArray(fc.constantFrom("a", "b", "c_c").map(processName)),
  })
  .map(({ shards, owner, other, draining }): ClusterMap => {
    const map = initialMap(shards, 1);
    const standby = other === owner ? null : other;
    return { ...map, draining, shards: map.shards.map((shard) => ({ ...shard, owner, standby, previous: standby })) };
  });

function bytesOf(json: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(json));
}

/** A map of two shards with something changed. */
function changed(change: Record<string, unknown>, shard: Record<string, unknown> = {}): Uint8Array {
  const map = initialMap(2, 1);
  const [first, second] = map.shards;
  return bytesOf({ ...map, shards: [{ ...first, ...shard }, second], ...change });
}

describe("the map as text", () => {
  test("is read as it was printed", () => {
    fc.assert(
      fc.property(maps, (map) => {
        expect(parseMap(printMap(map))).toEqual(map);
      }),
    );
  });

  test.each<[string, Uint8Array]>([
    ["It is no JSON", new TextEncoder().encode("{")],
    ["It is no JSON", new Uint8Array([0xff])],
    ["It must be a JSON object.", bytesOf([])],
    ["version is 0, but must be a whole number from 1", changed({ version: 0 })],
    ["version is missing", changed({ version: undefined })],
    ["epoch is 1.5", changed({ epoch: 1.5 })],
    ["shards is missing, but must be a list of at most 2048 objects.", changed({ shards: undefined })],
    ["shards is [1]", changed({ shards: [1] })],
    ["shards cover slots up to -1, but must cover all 4096.", changed({ shards: [] })],
    ['draining is ["a.b"], but must be a list of at most 1024 of names of processes.', changed({ draining: ["a.b"] })],
    ["leader is no field that this version knows.", changed({ leader: "a" })],
    ["shards[0].generation is 0", changed({}, { generation: 0 })],
    ['shards[0].owner is "a", but must be a process ID, or null.', changed({}, { owner: "a" })],
    ["shards[0].owner is missing", changed({}, { owner: undefined })],
    ["shards[0].weight is no field", changed({}, { weight: 1 })],
    ["Shard 0 is owned by a-00000000", changed({}, { owner: "a-00000000", standby: "a-00000000" })],
    ["shards holds a shard twice.", changed({}, { id: 1 })],
    ["Shard 0 has slots 1 to 2047, but its range must begin at 0 and not be empty.", changed({}, { from: 1 })],
    ["shards[0].until is 0, but must be a whole number from 1 to 4096.", changed({}, { until: 0 })],
    ["Shard 1 has slots 2048 to 4095, but its range must begin at 2000", changed({}, { until: 2000 })],
  ])("I8: %s", (problem, bytes) => {
    const parsed = parseMap(bytes);
    expect("problem" in parsed ? parsed.problem : parsed).toContain(problem);
  });

  test("ends in a map or in a problem, whatever the bytes", () => {
    fc.assert(
      fc.property(maps, fc.nat(), fc.integer({ min: 0, max: 255 }), (map, at, byte) => {
        const bytes = printMap(map);
        bytes[at % bytes.length] = byte;
        const parsed = parseMap(bytes);
        const shards: readonly MapShard[] = "problem" in parsed ? map.shards : parsed.shards;
        expect(shards.at(-1)?.until).toBe(4096);
      }),
    );
  });
});
