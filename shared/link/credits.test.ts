import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Sharer, shareCredits } from "./credits.ts";

const sharers = (tenants: readonly number[]): Sharer[] => tenants.map((each) => ({ tenants: each, owed: 0 }));

describe("credits", () => {
  it.each([
    { tenants: [1, 3], credits: 8, shares: [2, 6] },
    { tenants: [1, 1, 1], credits: 3, shares: [1, 1, 1] },
    { tenants: [0, 5], credits: 4, shares: [0, 4] },
    { tenants: [0, 0], credits: 4, shares: [0, 0] },
    { tenants: [], credits: 4, shares: [] },
    { tenants: [7], credits: 0, shares: [0] },
  ])("of shards where $tenants tenants wait: $credits are shared $shares", ({ tenants, credits, shares }) => {
    expect(shareCredits(sharers(tenants), credits)).toEqual(shares);
  });

  it("I7: one at a time go round in proportion in the long run", () => {
    const all = sharers([1, 3, 6]);
    const sums = [0, 0, 0];
    for (let turn = 0; turn < 1000; turn++)
      for (const [index, share] of shareCredits(all, 1).entries()) sums[index] = (sums[index] ?? 0) + share;
    expect(sums).toEqual([100, 300, 600]);
  });

  it("I7: are all shared, only where somebody waits, and about as is due, whatever was owed", () => {
    const rounds = fc.array(
      fc.record({ tenants: fc.array(fc.nat(50), { minLength: 4, maxLength: 4 }), credits: fc.nat(3_000) }),
      { minLength: 1, maxLength: 20 },
    );
    const property = fc.property(rounds, (each) => {
      const owed = [0, 0, 0, 0];
      for (const { tenants, credits } of each) {
        const all = tenants.map((count, index) => ({ tenants: count, owed: owed[index] ?? 0 }));
        const shares = shareCredits(all, credits);
        for (const [index, sharer] of all.entries()) owed[index] = sharer.owed;
        const total = tenants.reduce((sum, count) => sum + count, 0);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(total === 0 ? 0 : credits);
        for (const [index, share] of shares.entries()) {
          const count = tenants[index] ?? 0;
          const due = total === 0 ? 0 : (credits * count) / total;
          expect(count === 0 ? share === 0 : share >= 0 && Math.abs(share - due) <= 3, `${share} of ${due}`).toBe(true);
        }
      }
    });
    fc.assert(property, { numRuns: 300 });
  });
});
