import { processId } from "@millrace/model/ids.ts";
import { describe, expect, test } from "vitest";
import { Cells } from "./cells.ts";
import type { Grants } from "./grants.ts";
import { Lease } from "./lease.ts";
import { BEAT_MS, LEASE_MS } from "./timing.ts";

const SELF = processId("a-00000000");
const OTHER = processId("b-00000000");

function granted(seq: number, mapVersion = 1, epoch = 1): Grants {
  return { epoch, mapVersion, seqs: new Map([[SELF, seq]]) };
}

function begin(): { readonly lease: Lease; readonly cells: Cells } {
  const cells = new Cells();
  cells.mapVersion = 1;
  const lease = new Lease(SELF, cells);
  lease.sending(1, 1_000);
  return { lease, cells };
}

describe("a lease", () => {
  test("lasts from when the heartbeat was sent that is answered, however late the answer", () => {
    const { lease, cells } = begin();
    expect(cells.leaseUntilMs).toBe(0);
    lease.sending(2, 1_100);
    lease.granted(granted(1));
    expect(cells.leaseUntilMs).toBe(1_000 + LEASE_MS);
    lease.granted(granted(2));
    expect(cells.leaseUntilMs).toBe(1_100 + LEASE_MS);
    lease.granted(granted(1));
    expect(cells.leaseUntilMs).toBe(1_100 + LEASE_MS);
  });

  test("is not given by grants to others, or for heartbeats that were never sent or long ago", () => {
    const { lease, cells } = begin();
    lease.granted({ epoch: 1, mapVersion: 1, seqs: new Map([[OTHER, 1]]) });
    lease.granted(granted(2));
    for (let seq = 2; seq < 20; seq++) lease.sending(seq, 1_000 + seq * BEAT_MS);
    lease.granted(granted(1));
    expect(cells.leaseUntilMs).toBe(0);
  });

  test("is not given on the terms of a map that the event loop does not act on yet", () => {
    const { lease, cells } = begin();
    lease.granted(granted(1, 2));
    expect(cells.leaseUntilMs).toBe(0);
    cells.mapVersion = 2;
    lease.granted(granted(1, 2));
    expect(cells.leaseUntilMs).toBe(1_000 + LEASE_MS);
  });

  test("is not given by a coordinator once a later one has spoken", () => {
    const { lease, cells } = begin();
    lease.granted({ ...granted(1, 1, 2), seqs: new Map() });
    lease.granted(granted(1, 1, 1));
    expect(cells.leaseUntilMs).toBe(0);
    lease.granted(granted(1, 1, 2));
    expect(cells.leaseUntilMs).toBe(1_000 + LEASE_MS);
  });

  test("that was given up is not given again", () => {
    const { lease, cells } = begin();
    lease.granted(granted(1));
    lease.giveUp();
    lease.granted(granted(1));
    expect(cells.leaseUntilMs).toBe(0);
  });
});

test("cells are the same for all who have their buffer, and keep times to the µs, never later than given", () => {
  const cells = new Cells();
  const same = new Cells(cells.buffer);
  cells.leaseUntilMs = 12_345_678.901_234;
  cells.lastTurnMs = 3.5;
  cells.mapVersion = 7;
  expect([same.leaseUntilMs, same.lastTurnMs, same.mapVersion]).toEqual([12_345_678.901, 3.5, 7]);
});
