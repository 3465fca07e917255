import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { VirtualClock } from "./virtual.ts";

const seeds = fc.integer({ min: 0, max: 0xffff_ffff });

/** Arms one timer a delay and one `soon`, and tells in which order they ran. */
async function orderOf(seed: number, delaysMs: readonly number[]): Promise<string[]> {
  const clock = new VirtualClock(seed);
  const order: string[] = [];
  delaysMs.forEach((delayMs, index) => {
    clock.after(delayMs, () => order.push(`timer ${String(index)} at ${String(clock.monotonicMs())}`));
  });
  clock.soon(() => order.push("soon"));
  await clock.run();
  return order;
}

describe("virtual clock", () => {
  test("runs callbacks in order of time and stops time at each", async () => {
    expect(await orderOf(1, [30, 10, 20])).toEqual(["soon", "timer 1 at 10", "timer 2 at 20", "timer 0 at 30"]);
  });

  test("never runs a timer early, loses none, and repeats a seed exactly", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.array(fc.nat(50), { maxLength: 100 }), async (seed, delaysMs) => {
        const order = await orderOf(seed, delaysMs);
        expect(order).toHaveLength(delaysMs.length + 1);
        const times = order.flatMap((line) => (line === "soon" ? [] : [Number(line.split(" at ")[1])]));
        expect(times).toEqual(delaysMs.toSorted((left, right) => left - right));
        expect(await orderOf(seed, delaysMs)).toEqual(order);
      }),
      { numRuns: 50 },
    );
  });

  test("gives other orders for other seeds among what is due at one instant", async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 20; seed += 1) orders.add((await orderOf(seed, [5, 5, 5, 5])).join());
    expect(orders.size).toBeGreaterThan(5);
  });

  test("does not run a cancelled timer, and counts what happened", async () => {
    const clock = new VirtualClock(3);
    let fired = 0;
    const cancel = clock.after(5, () => (fired += 1));
    clock.after(5, () => (fired += 1));
    clock.soon(cancel);
    await clock.run();
    cancel();
    expect(fired).toBe(1);
    expect(clock.counts()).toEqual({ steps: 2, soons: 1, timers: 2, cancelled: 1 });
  });

  test("drains promises between steps", async () => {
    const clock = new VirtualClock(4);
    const seen: string[] = [];
    clock.soon(() => {
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => seen.push("promise"));
    });
    clock.after(1, () => seen.push("timer"));
    await clock.run();
    expect(seen).toEqual(["promise", "timer"]);
  });

  test("advances by exactly what it is told, running only what is due", async () => {
    const clock = new VirtualClock(5);
    const seen: number[] = [];
    for (const delayMs of [10, 20, 21]) clock.after(delayMs, () => seen.push(delayMs));
    await clock.advance(20);
    expect(seen).toEqual([10, 20]);
    expect(clock.monotonicMs()).toBe(20);
    expect(clock.nextInMs()).toBe(1);
  });

  test("jumps the wall clock without touching the monotonic one or timers", () => {
    const clock = new VirtualClock(6);
    const wallMs = clock.nowMs();
    clock.after(7, () => undefined);
    clock.jumpWall(-5000);
    expect(clock.nowMs()).toBe(wallMs - 5000);
    expect(clock.monotonicMs()).toBe(0);
    expect(clock.nextInMs()).toBe(7);
  });

  test("gives up on what never becomes idle", async () => {
    const clock = new VirtualClock(7);
    const again = (): void => {
      clock.after(1, again);
    };
    again();
    await expect(clock.run(100)).rejects.toThrow("Still not idle after 100 steps");
  });

  test("refuses a delay that is no number", () => {
    expect(() => new VirtualClock(8).after(Number.NaN, () => undefined)).toThrow(RangeError);
  });
});
