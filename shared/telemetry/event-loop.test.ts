import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { EventLoopWatch } from "./event-loop.ts";

test("sees the loop blocked, and forgets it once read", async () => {
  const watch = new EventLoopWatch();
  try {
    await pause(30);
    watch.read();
    await pause(30);
    const blockedUntil = performance.now() + 60;
    while (performance.now() < blockedUntil);
    await pause(30);
    const blocked = watch.read();
    expect(blocked.delayMaxSeconds).toBeGreaterThan(0.03);
    expect(blocked.utilisation).toBeGreaterThan(0.1);
    expect(blocked.utilisation).toBeLessThanOrEqual(1);
    expect(watch.read().delayMaxSeconds).toBe(0);
  } finally {
    watch.stop();
  }
});
