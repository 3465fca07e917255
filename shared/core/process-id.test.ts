import { processName } from "@millrace/model/ids.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isProcessId, isProcessName, mintProcessId, nameOfProcess } from "./process-id.ts";

const names = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/).map(processName);
const bits = fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 });

describe("a process ID", () => {
  it("carries the process's name", () => {
    fc.assert(
      fc.property(names, bits, bits, (name, a, b) => {
        const id = mintProcessId(name, a, b);
        expect([isProcessId(id), nameOfProcess(id)]).toEqual([true, name]);
      }),
    );
  });

  it("uses 40 random bits", () => {
    const ids = new Set<string>();
    for (let bit = 0; bit < 20; bit++) {
      ids.add(mintProcessId(processName("n"), 1 << bit, 0));
      ids.add(mintProcessId(processName("n"), 0, 1 << bit));
    }
    expect(ids.size).toBe(40);
  });

  it.each(["", "node", "-00000000", "node-0000000", "node-0000000L", "no.de-00000000", `${"n".repeat(65)}-00000000`])(
    "is not %j",
    (text) => {
      expect(isProcessId(text)).toBe(false);
    },
  );

  it.each(["", "a.b", "a b", "ä", "n".repeat(65)])("is not given to a process called %j", (name) => {
    expect(isProcessName(name)).toBe(false);
  });
});
