// Draws from lists, on top of the seeded generator.
import type { Prng } from "@millrace/clock/prng.ts";

/** One of a list that is not empty. */
export function pick<Value>(prng: Prng, from: readonly [Value, ...Value[]]): Value {
  return from[prng.below(from.length)] ?? from[0];
}

/** One of a list; undefined if it is empty. */
export function pickAny<Value>(prng: Prng, from: readonly Value[]): Value | undefined {
  return from[prng.below(Math.max(1, from.length))];
}

/** One of several names, each as often as its weight says. */
export function weighted<Name extends string>(prng: Prng, weights: readonly (readonly [Name, number])[]): Name {
  let rest = prng.below(weights.reduce((sum, [, weight]) => sum + weight, 0));
  for (const [name, weight] of weights) {
    if (rest < weight) return name;
    rest -= weight;
  }
  throw new RangeError("There is nothing to draw from.");
}

/** A whole number from `from` to `until`, both included. */
export function between(prng: Prng, from: number, until: number): number {
  return from + prng.below(until - from + 1);
}
