import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairQueue } from "./fair-queue.ts";

describe("FairQueue", () => {
  it("keeps the order within a key", () => {
    const queue = new FairQueue<number>(1);
    for (let n = 0; n < 5; n++) queue.push("a", n);
    expect(queue.drain()).toEqual([0, 1, 2, 3, 4]);
    expect(queue.size).toBe(0);
  });

  it("I7: a key with 10,000 waiting items delays another key by one turn only", () => {
    const queue = new FairQueue<string>(4);
    for (let n = 0; n < 10_000; n++) queue.push("loud", "loud");
    queue.push("quiet", "quiet");
    const taken = [queue.take(), queue.take(), queue.take(), queue.take(), queue.take()];
    expect(taken).toEqual(["loud", "loud", "loud", "loud", "quiet"]);
  });

  it("I7: an idle key hoards no turns", () => {
    const queue = new FairQueue<string>(1);
    for (let n = 0; n < 3; n++) queue.push("a", "a");
    queue.drain();
    for (let n = 0; n < 2; n++) queue.push("b", "b");
    for (let n = 0; n < 2; n++) queue.push("a", "a");
    expect(queue.drain()).toEqual(["b", "a", "b", "a"]);
  });

  it("gives back exactly what was put in, with no key ahead by more than a turn", () => {
    const pushes = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.nat()), { maxLength: 300 });
    fc.assert(
      fc.property(pushes, fc.integer({ min: 1, max: 7 }), (items, quantum) => {
        const queue = new FairQueue<readonly [string, number]>(quantum);
        for (const item of items) queue.push(item[0], item);
        const taken = queue.drain();
        for (const key of ["a", "b", "c"])
          expect(taken.filter((item) => item[0] === key)).toEqual(items.filter((item) => item[0] === key));
        expect(taken.length).toBe(items.length);
      }),
    );
  });
});
