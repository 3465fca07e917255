import fc from "fast-check";
import { expect, test } from "vitest";
import { Prng } from "./prng.ts";

test("repeats a seed and differs between seeds", () => {
  const draw = (seed: number): number[] => {
    const prng = new Prng(seed);
    return Array.from({ length: 8 }, () => prng.next32());
  };
  expect(draw(42)).toEqual(draw(42));
  expect(draw(42)).not.toEqual(draw(43));
});

test("stays below the bound and reaches all of a small range", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 20 }), (seed, bound) => {
      const prng = new Prng(seed);
      const seen = new Set(Array.from({ length: 500 }, () => prng.below(bound)));
      expect([...seen].toSorted((left, right) => left - right)).toEqual(
        Array.from({ length: bound }, (_, index) => index),
      );
    }),
    { numRuns: 100 },
  );
});

test("takes chances about as often as asked", () => {
  const prng = new Prng(7);
  const hits = Array.from({ length: 10_000 }, () => prng.chance(0.3)).filter(Boolean).length;
  expect(hits).toBeGreaterThan(2800);
  expect(hits).toBeLessThan(3200);
  expect(prng.chance(0)).toBe(false);
  expect(prng.chance(1)).toBe(true);
});

test("forks a stream that the parent's later draws do not shift", () => {
  const first = new Prng(9).fork();
  const parent = new Prng(9);
  const second = parent.fork();
  parent.next32();
  expect(second.next32()).toBe(first.next32());
});
