import { drain } from "@millrace/clock/virtual.ts";
import { describe, expect, it } from "vitest";
import { PacedQueue } from "./paced-queue.ts";

describe("a paced queue", () => {
  it("I9: works on one thing at a time, and on nothing while there is no room", async () => {
    const begun: number[] = [];
    const finish: ((room: boolean) => void)[] = [];
    const queue = new PacedQueue<number>((item) => {
      begun.push(item);
      return new Promise((resolve) => finish.push(resolve));
    });
    for (const item of [1, 2, 3, 4]) queue.push(item);
    expect(begun).toEqual([1]);
    finish[0]?.(true);
    await drain();
    expect(begun).toEqual([1, 2]);
    finish[1]?.(false);
    await drain();
    expect(begun).toEqual([1, 2]);
    queue.go();
    expect(begun).toEqual([1, 2, 3]);
    queue.clear();
    finish[2]?.(true);
    await drain();
    expect(begun).toEqual([1, 2, 3]);
  });
});
