import { BroadcastChannel } from "node:worker_threads";
import { systemClock } from "@millrace/clock/system.ts";
import { processId } from "@millrace/model/ids.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { afterEach, describe, expect, test } from "vitest";
import { type Beat, parseBeat } from "../beat.ts";
import type { Membership } from "../membership.ts";
import { BEAT_MS } from "../timing.ts";
import { startControlThread } from "./control-thread.ts";

const BLOCKED_MS = 3_000;

interface Heard {
  /** On the thread's own clock. */
  readonly atMs: number;
  readonly beat: Beat;
}

const channels: BroadcastChannel[] = [];

afterEach(() => {
  for (const channel of channels.splice(0)) channel.close();
});

function start(settings: string): {
  readonly membership: Membership;
  readonly heard: Heard[];
  readonly refused: string[];
} {
  const heard: Heard[] = [];
  const refused: string[] = [];
  const channel = new BroadcastChannel(settings);
  channels.push(channel);
  channel.addEventListener("message", ({ data }: { readonly data: unknown }) => {
    if (!(data instanceof Uint8Array)) throw new TypeError("The channel carries bytes.");
    const beat = parseBeat(data.subarray(8));
    if ("problem" in beat) throw new Error(beat.problem);
    heard.push({ atMs: new DataView(data.buffer, data.byteOffset).getFloat64(0, true), beat });
  });
  const membership = startControlThread({
    identity: { process: processId("a-00000000"), roles: ["node"], versions: { min: 1, max: 1 } },
    layout: { shards: 2, streams: 1 },
    entry: new URL("testdata/memory-control.ts", import.meta.url),
    settings,
    observer: {
      refused: (reason) => void refused.push(reason),
      connection: () => {},
      malformed: (problem) => void refused.push(problem),
    },
  });
  membership.followMap(({ version }) => membership.actsOn(version));
  return { membership, heard, refused };
}

/** Nothing else happens on this thread meanwhile. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe("a control on a thread of its own", () => {
  test("beats on and keeps the lease while the event loop is blocked, and says for how long it was", async () => {
    const { membership, heard, refused } = start("blocked");
    expect(await membership.joined).toBe(true);
    // A map that comes while the loop is blocked ends the lease, as it should: wait for the last one.
    await waitUntil("the node owns its shards", () => membership.map?.shards[0]?.owner === membership.process);
    await waitUntil("the node has a lease", () => membership.isLeaseValid);
    const fromMs = systemClock.monotonicMs();
    block(BLOCKED_MS);
    const untilMs = systemClock.monotonicMs();
    expect(membership.isLeaseValid).toBe(true);
    await waitUntil("the loop is seen to turn again", () => {
      return heard.some(({ atMs, beat }) => atMs > untilMs && beat.loopAgeMs < 5 * BEAT_MS);
    });
    const meanwhile = heard.filter(({ atMs }) => atMs > fromMs && atMs < untilMs);
    expect(meanwhile.length).toBeGreaterThan(BLOCKED_MS / BEAT_MS / 2);
    for (const { atMs, beat } of meanwhile) expect(Math.abs(atMs - fromMs - beat.loopAgeMs)).toBeLessThan(10 * BEAT_MS);
    expect(meanwhile.at(-1)?.beat.loopAgeMs).toBeGreaterThan(BLOCKED_MS - 10 * BEAT_MS);
    expect(refused).toEqual([]);
    await membership.stop();
    expect(membership.isLeaseValid).toBe(false);
    await waitUntil("it has said good-bye", () => heard.at(-1)?.beat.state === "left");
  });

  test("that cannot connect refuses the process, and says why", async () => {
    const { membership, refused } = start("nowhere");
    expect(await membership.joined).toBe(false);
    expect(refused).toEqual(["There is no server at nowhere."]);
    await membership.stop();
  });

  test("that ends by itself takes the process out of the cluster", async () => {
    const { membership, refused } = start("crash");
    await waitUntil("it is known", () => refused.length > 0);
    expect(refused).toEqual(["The thread of the control has ended: exit code 3"]);
    await membership.stop();
    expect(membership.isLeaseValid).toBe(false);
  });
});

test("all threads of a process read the machine's monotonic clock alike", async () => {
  const { membership, heard } = start("clock");
  const sinceMs = systemClock.monotonicMs();
  await waitUntil("there are heartbeats", () => heard.length > 2);
  for (const { atMs } of heard) {
    expect(atMs).toBeGreaterThan(sinceMs);
    expect(atMs).toBeLessThan(systemClock.monotonicMs());
  }
  await membership.stop();
});
