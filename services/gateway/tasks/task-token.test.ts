import { FOR_EACH_ITEMS_MAX } from "@millrace/core/plan/plan.ts";
import { runId } from "@millrace/model/ids.ts";
import type { TaskRef } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Refused } from "../calls/call.ts";
import { keyInRun, readToken, tokensFault } from "./task-token.ts";

const RUN = runId("0000000z000000000000");

/** Any numbers a worker may write, most of them near a bound. */
const uint32 = fc.oneof(
  fc.nat(600),
  fc.constantFrom(127, 128, 511, 512, 16_383, 16_384, 2 ** 23 - 1, 2 ** 23, 2 ** 31, 2 ** 32 - 1),
);
const anyRef = fc.record({
  runId: fc.constant<string>(RUN),
  epoch: uint32,
  step: uint32,
  item: uint32,
  attempt: uint32,
});

const at = (index: number): string => `results[${index}]`;

describe("a token off the wire", () => {
  it("I8: is refused by the name of its first impossible number, or has a key of its own", () => {
    fc.assert(
      fc.property(anyRef, anyRef, (left, right) => {
        const faults = [left, right].map((ref) => tokensFault([ref], at));
        for (const fault of faults) {
          if (fault !== undefined) expect(fault.refusal.field).toMatch(/^results\[0\]\.(epoch|step|item|attempt)$/);
        }
        if (faults.some((fault) => fault !== undefined)) return;
        const [one, other] = [left, right].map((ref) => {
          const token = readToken(ref);
          if (token === undefined) throw new Error("The run ID is one.");
          return keyInRun(token);
        });
        expect(Number.isSafeInteger(one)).toBe(true);
        expect(one === other).toBe(JSON.stringify(left) === JSON.stringify(right));
      }),
      { numRuns: 2_000 },
    );
  });

  it("may have every number that a definition allows", () => {
    const ref: TaskRef = { runId: RUN, epoch: 1, step: 499, item: FOR_EACH_ITEMS_MAX, attempt: 100 };
    expect(tokensFault([ref], at)).toBe(undefined);
  });

  it("I8: names value and bound", () => {
    const fault = tokensFault([undefined, { runId: RUN, epoch: 1, step: 512, item: 0, attempt: 1 }], at);
    expect(fault).toBeInstanceOf(Refused);
    expect(fault?.refusal).toMatchObject({
      code: "INVALID_ARGUMENT",
      field: "results[1].step",
      message: "results[1].step is 512; it must be 0 to 511.",
    });
  });

  it("of a run that cannot be is nobody's", () => {
    expect(readToken({ runId: "no run", epoch: 1, step: 0, item: 0, attempt: 1 })).toBe(undefined);
  });
});
