import { SLOT_COUNT, slot, tenantId } from "@millrace/model/ids.ts";
import fc from "fast-check";
import { expect, it } from "vitest";
import { firstRunIdAt, isRunId, mintRunId, slotOfKey, slotOfRun, startOfRun } from "./run-id.ts";

const times = fc.integer({ min: 0, max: 32 ** 9 - 1 });
const slots = fc.integer({ min: 0, max: SLOT_COUNT - 1 }).map(slot);
const bits = fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 });

it("a run ID carries its start and its slot", () => {
  fc.assert(
    fc.property(times, slots, bits, bits, (startedMs, at, a, b) => {
      const id = mintRunId(startedMs, at, a, b);
      expect([isRunId(id), startOfRun(id), slotOfRun(id)]).toEqual([true, startedMs, at]);
    }),
  );
});

it("run IDs sort by start time, and behind the first of their time", () => {
  fc.assert(
    fc.property(times, times, slots, bits, (one, other, at, random) => {
      const [early, late] = one < other ? [one, other] : [other, one];
      expect(mintRunId(late, at, random, random) >= firstRunIdAt(late)).toBe(true);
      if (early < late) expect(mintRunId(early, at, random, random) < firstRunIdAt(late)).toBe(true);
    }),
  );
});

it("uses 40 of its random bits", () => {
  const at = slot(1);
  const ids = new Set(Array.from({ length: 20 }, (_, bit) => mintRunId(1, at, 1 << bit, 0)));
  for (let bit = 0; bit < 20; bit++) ids.add(mintRunId(1, at, 0, 1 << bit));
  expect(ids.size).toBe(40);
});

it.each([
  "",
  "0000000z00000000000",
  "0000000z0000000000000",
  "0000000Z000000000000",
  "0000000i000000000000",
  "0000000z00000000000\n",
])("I8: %j is no run ID", (text) => {
  expect(isRunId(text)).toBe(false);
});

it("keys spread over all slots, and a tenant's key is not another's", () => {
  const counts = new Uint32Array(SLOT_COUNT);
  const keys = 40 * SLOT_COUNT;
  for (let key = 0; key < keys; key++) {
    const at = slotOfKey(tenantId("shop"), `delivery-${key}`);
    counts[at] = (counts[at] ?? 0) + 1;
  }
  // Of 40 expected: the odds of any of 4,096 slots being outside by chance are below one in a thousand.
  expect(Math.min(...counts)).toBeGreaterThan(8);
  expect(Math.max(...counts)).toBeLessThan(90);
  expect(slotOfKey(tenantId("a"), "bc")).not.toBe(slotOfKey(tenantId("ab"), "c"));
});
