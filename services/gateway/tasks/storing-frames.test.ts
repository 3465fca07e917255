import { VirtualClock } from "@millrace/clock/virtual.ts";
import { json } from "@millrace/model/payload.ts";
import { beforeEach, describe, expect, it } from "vitest";
import { FakeBlobs } from "../testdata/fake-blobs.ts";
import { makeTask, resultOf } from "../testdata/make-task.ts";
import type { LargeResult } from "./read-result.ts";
import { StoringFrames, type StoringOwner, StoringRoom } from "./storing-frames.ts";
import type { ReportedResult } from "./worker-link.ts";

const MIB = 1024 * 1024;

class Owner implements StoringOwner {
  readonly frames: (readonly [frame: number, results: number])[] = [];
  readonly errors: unknown[] = [];
  stored(frame: number, results: readonly ReportedResult[]): void {
    this.frames.push([frame, results.length]);
  }
  broken(error: unknown): void {
    this.errors.push(error);
  }
}

let clock: VirtualClock;
let blobs: FakeBlobs;
let storing: StoringRoom;
beforeEach(() => {
  clock = new VirtualClock(1);
  blobs = new FakeBlobs();
  storing = new StoringRoom();
});

function stream() {
  const owner = new Owner();
  return { owner, frames: new StoringFrames({ blobs, clock, storing }, owner) };
}

function large(ordinal: number, bytes = MIB): LargeResult {
  return { result: resultOf(makeTask(ordinal)), large: json(JSON.stringify("x".repeat(bytes - 2))) };
}

/** Lets what is under way without waiting come to its end. */
async function settle(): Promise<void> {
  await clock.advance(0);
}

describe("frames with large outputs", () => {
  it("I1: are handed over when all their outputs are stored", async () => {
    const { owner, frames } = stream();
    frames.add(7, [resultOf(makeTask(1))], [large(2), large(3)]);
    expect([frames.empty, owner.frames]).toEqual([false, []]);
    await settle();
    expect([frames.empty, owner.frames]).toEqual([true, [[7, 3]]]);
    expect(blobs.stored.size).toBe(2);
  });

  it("wait on a full disk, tried ever more slowly, and store what is left when there is room", async () => {
    const { owner, frames } = stream();
    let tries = 0;
    const put = blobs.put.bind(blobs);
    blobs.put = (runId, bytes) => {
      tries++;
      return put(runId, bytes);
    };
    blobs.full = true;
    frames.add(1, [], [large(1)]);
    await clock.advance(60_000);
    expect(tries).toBeGreaterThan(10);
    expect(tries).toBeLessThan(25);
    blobs.full = false;
    await clock.advance(4_000);
    expect(owner.frames).toEqual([[1, 1]]);
    await clock.run();
    expect(clock.nextInMs()).toBe(undefined);
  });

  it("I9: fill the room of all streams, beyond which each stream has one", async () => {
    blobs.full = true;
    const first = stream();
    for (let frame = 1; frame <= 63; frame++) first.frames.add(frame, [], [large(frame)]);
    await settle();
    expect(first.frames.full).toBe(false);
    first.frames.add(64, [], [large(64)]);
    const second = stream();
    expect([first.frames.full, second.frames.full]).toEqual([true, false]);
    second.frames.add(1, [], [large(1)]);
    await settle();
    expect(second.frames.full).toBe(true);
    blobs.full = false;
    await clock.advance(4_000);
    expect([first.owner.frames.length, first.frames.full, second.frames.full]).toEqual([64, false, false]);
  });

  it("I9: are forgotten with their stream", async () => {
    blobs.full = true;
    const { owner, frames } = stream();
    for (let frame = 1; frame <= 64; frame++) frames.add(frame, [], [large(frame)]);
    await settle();
    expect(storing.full).toBe(true);
    frames.end();
    blobs.full = false;
    await clock.advance(60_000);
    expect([storing.full, owner.frames, blobs.stored.size, clock.nextInMs()]).toEqual([false, [], 0, undefined]);
  });

  it("end with a store that is broken", async () => {
    const { owner, frames } = stream();
    blobs.put = () => Promise.reject(new Error("EIO"));
    frames.add(1, [], [large(1)]);
    await settle();
    expect(owner.errors).toMatchObject([{ message: "EIO" }]);
  });
});
