import { afterEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "./system.ts";

describe("system clock", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("calls back once, and not early", async () => {
    const startMs = systemClock.monotonicMs();
    const calls: number[] = [];
    await new Promise<void>((resolve) => {
      systemClock.after(5, () => {
        calls.push(systemClock.monotonicMs() - startMs);
        systemClock.soon(resolve);
      });
    });
    expect(calls).toHaveLength(1);
    expect(calls[0]).toBeGreaterThanOrEqual(5);
  });

  test("does not call back what was taken back, even twice", async () => {
    let fired = false;
    const cancel = systemClock.after(0, () => (fired = true));
    cancel();
    cancel();
    await new Promise<void>((resolve) => {
      systemClock.after(2, resolve);
    });
    expect(fired).toBe(false);
  });

  test("waits out delays beyond what the event loop can count", () => {
    vi.useFakeTimers();
    const thirtyDaysMs = 30 * 24 * 3600 * 1000;
    const fired = vi.fn();
    systemClock.after(thirtyDaysMs, fired);
    vi.advanceTimersByTime(thirtyDaysMs - 1);
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(fired).toHaveBeenCalledOnce();
  });

  test("draws 32 random bits that differ", () => {
    const drawn = new Set(Array.from({ length: 3000 }, () => systemClock.random32()));
    expect(drawn.size).toBeGreaterThan(2990);
    for (const value of drawn) {
      expect(Number.isInteger(value)).toBe(true);
      expect(value).toBeLessThan(2 ** 32);
    }
  });
});
