// What every mirror must do.
import { position, term } from "@millrace/model/ids.ts";
import { describe, expect, it } from "vitest";
import type { JournalRecord, JournalTail } from "./journal.ts";
import type { Mirror } from "./mirror.ts";
import { decodeRecord, EMPTY_TAIL, encodeRecord } from "./record.ts";

/** A mirror's place. */
export interface MirrorRig extends AsyncDisposable {
  open(): Promise<Mirror>;
}

/** `count` records behind `tail`, of some KiB each. */
function records(count: number, tail: JournalTail = EMPTY_TAIL): JournalRecord[] {
  const made: JournalRecord[] = [];
  let last = tail;
  for (let index = 0; index < count; index++) {
    const head = { position: position(last.position + 1), term: term(1), timeMs: 1, previousChain: last.chain };
    const { frame } = encodeRecord(head, Buffer.alloc(3000, `record ${head.position} `));
    const read = decodeRecord(frame, 0, last);
    if (read.type !== "record") throw new Error("A record that was just made is none.");
    made.push(read.record);
    last = read.record;
  }
  return made;
}

async function positions(mirror: Mirror, from = 1): Promise<number[]> {
  const read: number[] = [];
  await mirror.read(position(from), (frame, record) => {
    const before = { position: position(record.position - 1), chain: record.previousChain, term: term(0), timeMs: 0 };
    expect(decodeRecord(Buffer.from(frame), 0, before)).toMatchObject({ type: "record" });
    read.push(record.position);
  });
  return read;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

export function mirrorConformance(adapter: string, makeRig: () => Promise<MirrorRig>): void {
  describe(`the ${adapter} mirror`, () => {
    it("holds what it was given, also when opened again, and goes on", async () => {
      await using rig = await makeRig();
      const all = records(20);
      const mirror = await rig.open();
      expect([mirror.stretch(), await positions(mirror)]).toEqual([null, []]);
      for (const record of all.slice(0, 12)) mirror.keep(record);
      expect(await positions(mirror)).toEqual(range(1, 12));
      expect(await positions(mirror, 9)).toEqual(range(9, 12));
      await mirror.close();
      const again = await rig.open();
      expect(again.stretch()).toMatchObject({ base: { position: 0 }, tail: { position: 12, chain: all[11]?.chain } });
      for (const record of all.slice(12)) again.keep(record);
      expect(await positions(again)).toEqual(range(1, 20));
      await again.close();
    });

    it("begins anew with a record that does not follow", async () => {
      await using rig = await makeRig();
      const mirror = await rig.open();
      const all = records(10);
      for (const record of all.slice(0, 4)) mirror.keep(record);
      for (const record of all.slice(6)) mirror.keep(record);
      expect(mirror.stretch()).toMatchObject({ base: { position: 6, chain: all[5]?.chain }, tail: { position: 10 } });
      expect(await positions(mirror)).toEqual(range(7, 10));
      const others = records(3, { position: position(9), chain: 7, term: term(1), timeMs: 1 });
      for (const record of others) mirror.keep(record);
      expect(await positions(mirror)).toEqual(range(10, 12));
      await mirror.close();
    });

    it("I6: keeps what it has when it is given the newest again, also when opened again, and goes on", async () => {
      await using rig = await makeRig();
      const mirror = await rig.open();
      const all = records(10);
      for (const record of all.slice(0, 8)) mirror.keep(record);
      for (const record of all.slice(4, 8)) mirror.keep(record);
      expect(await positions(mirror)).toEqual(range(1, 8));
      await mirror.close();
      const again = await rig.open();
      for (const record of all.slice(5, 9)) again.keep(record);
      expect(await positions(again)).toEqual(range(1, 9));
      // Not the records that are kept, as the first one behind them shows.
      const others = records(6, { position: position(5), chain: 7, term: term(1), timeMs: 1 });
      for (const record of others) again.keep(record);
      expect([(await positions(again)).at(-1), again.stretch()?.tail.chain]).toEqual([11, others[5]?.chain]);
      await again.close();
    });

    it("begins anew with a record before all that it keeps", async () => {
      await using rig = await makeRig();
      const mirror = await rig.open();
      const all = records(10);
      for (const record of all.slice(4, 8)) mirror.keep(record);
      for (const record of all.slice(2, 4)) mirror.keep(record);
      expect(await positions(mirror)).toEqual(range(3, 4));
      await mirror.close();
    });

    it("forgets the oldest, never what it was not told to", async () => {
      await using rig = await makeRig();
      const mirror = await rig.open();
      const all = records(30);
      for (const record of all) mirror.keep(record);
      mirror.forgetBefore(position(25));
      const kept = await positions(mirror);
      expect(kept).toEqual(range(kept[0] ?? 0, 30));
      expect(kept[0]).toBeLessThanOrEqual(25);
      await mirror.close();
      const again = await rig.open();
      expect((await positions(again)).slice(-6)).toEqual(range(25, 30));
      await again.close();
    });
  });
}
