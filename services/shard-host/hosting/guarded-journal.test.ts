import { VirtualClock } from "@millrace/clock/virtual.ts";
import type { Journal } from "@millrace/journal/journal.ts";
import { MemoryLog } from "@millrace/journal/memory/log.ts";
import { MirrorDisk, openMemoryMirror } from "@millrace/journal/memory/mirror.ts";
import { openMemoryJournal } from "@millrace/journal/memory/open.ts";
import { encodeRecord } from "@millrace/journal/record.ts";
import { position, term } from "@millrace/model/ids.ts";
import { describe, expect, it } from "vitest";
import { JournalGuard } from "./guarded-journal.ts";

/** A guarded journal with ten records. */
async function guarded() {
  const clock = new VirtualClock(1);
  const log = new MemoryLog();
  const disk = new MirrorDisk();
  const guard = new JournalGuard(openMemoryMirror(disk));
  const open = async (): Promise<Journal> => guard.guard(await openMemoryJournal(log, clock));
  const journal = await open();
  for (let count = 0; count < 10; count++) await append(journal, clock);
  return { clock, log, disk, guard, open, journal };
}

async function append(journal: Journal, clock: VirtualClock): Promise<string> {
  const { position: last, chain } = journal.tail();
  const head = { position: position(last + 1), term: term(1), timeMs: 1, previousChain: chain };
  const appended = new Promise<string>((resolve) => {
    journal.append(last, encodeRecord(head, Buffer.from("body")).frame, ({ type }) => resolve(type));
  });
  await clock.run();
  return appended;
}

const kept = ({ base, tail }: MirrorDisk): readonly unknown[] => [base?.position, tail?.position];

describe("a guarded journal", () => {
  it("I6: cuts off nothing that no snapshot holds, and nothing that its owner still needs", async () => {
    const { log, disk, guard, journal } = await guarded();
    await guard.snapshotTaken(position(3));
    expect(log.base.position).toBe(0);
    await journal.truncateBefore(position(9));
    expect([log.base.position, ...kept(disk)]).toEqual([3, 3, 10]);
    await guard.snapshotTaken(position(2));
    expect(log.base.position).toBe(3);
    await guard.snapshotTaken(position(10));
    expect([log.base.position, ...kept(disk), guard.bytes()]).toEqual([8, 8, 10, log.bytes]);
  });

  it("I6: that is opened again knows what it knew of snapshots and of its owner's needs", async () => {
    const { log, guard, open, journal } = await guarded();
    await guard.snapshotTaken(position(4));
    await journal.truncateBefore(position(9));
    const again = await open();
    await guard.snapshotTaken(position(6));
    expect(log.base.position).toBe(6);
    await again.truncateBefore(position(9));
    expect(log.base.position).toBe(6);
  });

  it("keeps beside the process what became durable, and nothing else", async () => {
    const { clock, log, disk, journal } = await guarded();
    expect(kept(disk)).toEqual([0, 10]);
    log.failNext({ type: "full" });
    expect([await append(journal, clock), ...kept(disk)]).toEqual(["full", 0, 10]);
    log.failNext({ type: "unknown", written: true });
    expect([await append(journal, clock), ...kept(disk)]).toEqual(["unknown", 0, 10]);
  });

  it("I6: still has beside the process all that is behind the newest snapshot when it was read back", async () => {
    const { clock, disk, guard, open, journal } = await guarded();
    await journal.truncateBefore(position(9));
    await guard.snapshotTaken(position(4));
    const again = await open();
    await again.read(position(9), () => {});
    expect(kept(disk)).toEqual([4, 10]);
    expect(await append(again, clock)).toBe("appended");
    expect(kept(disk)).toEqual([4, 11]);
  });
});
