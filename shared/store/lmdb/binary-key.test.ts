import { firstRunIdAt, mintRunId, startOfRun as startOfRunId } from "@millrace/core/run-id.ts";
import { runId, slot } from "@millrace/model/ids.ts";
import fc from "fast-check";
import { expect, it } from "vitest";
import { packRun, packTimer, RUN_KEY_BYTES, startOfRun, TIMER_KEY_BYTES, unpackRun } from "./binary-key.ts";

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const ids = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 45 - 1 }), fc.nat(4095), word, word)
  .map(([startedMs, of, a, b]) => mintRunId(startedMs, slot(of), a, b));

function packed(id: ReturnType<typeof runId>): Buffer {
  const key = Buffer.alloc(RUN_KEY_BYTES);
  packRun(id, key, 0);
  return key;
}

it("packs a run ID into 13 bytes and back, in the same order, with its start", () => {
  fc.assert(
    fc.property(ids, ids, (one, other) => {
      expect(unpackRun(packed(one), 0)).toBe(one);
      expect(Math.sign(Buffer.compare(packed(one), packed(other)))).toBe(one < other ? -1 : Number(one > other));
      expect(startOfRun(packed(one))).toBe(startOfRunId(one));
    }),
  );
  expect(packed(firstRunIdAt(0)).every((byte) => byte === 0)).toBe(true);
});

it("sorts timers by time, then by run", () => {
  const key = (dueMs: number, id: ReturnType<typeof runId>): Buffer => {
    const bytes = Buffer.alloc(TIMER_KEY_BYTES);
    packTimer(dueMs, id, bytes);
    return bytes;
  };
  fc.assert(
    fc.property(ids, ids, fc.nat(), fc.nat(), (one, other, a, b) => {
      const expected = a === b ? Math.sign(Buffer.compare(packed(one), packed(other))) : Math.sign(a - b);
      expect(Math.sign(Buffer.compare(key(a, one), key(b, other)))).toBe(expected);
    }),
  );
});

it.each(["", "too-short", "0123456789abcdefghjl", "0123456789ABCDEFGHJK", "0123456789abcdefghjk0"])(
  'refuses "%s", which is no run ID',
  (text) => {
    expect(() => packed(runId(text))).toThrow("is not a run ID");
  },
);
