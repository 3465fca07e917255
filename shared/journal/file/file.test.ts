import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { position, term } from "@millrace/model/ids.ts";
import { startNode } from "@millrace/testing/process.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AppendOutcome, type Journal, JournalDamaged, JournalLocked, type JournalTail } from "../journal.ts";
import { EMPTY_TAIL, encodeRecord, RECORD_HEADER_BYTES } from "../record.ts";
import { type CrashChoice, CrashDisk } from "./crash-disk.ts";
import { openFileJournal, openOnDisk } from "./open.ts";
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentName } from "./segment.ts";
import { SPARES_MAX } from "./spares.ts";

const SEGMENT_BYTES = 1024;
const NOTHING: CrashChoice = { written: () => [], renamed: () => false };
const EVERYTHING: CrashChoice = { written: (event) => [[0, event.bytes.length]], renamed: () => true };

const openOn = (disk: CrashDisk): Promise<Journal> => openOnDisk(disk, { segmentBytes: SEGMENT_BYTES });
const openIn = (folder: string): Promise<Journal> => openFileJournal(folder, { segmentBytes: SEGMENT_BYTES });

function frameBehind(tail: JournalTail, body: string): Buffer {
  const head = { position: position(tail.position + 1), term: term(1), timeMs: 0, previousChain: tail.chain };
  return encodeRecord(head, Buffer.from(body)).frame;
}

function append(journal: Journal, body: string): Promise<AppendOutcome> {
  return new Promise((resolve) => {
    journal.append(journal.tail().position, frameBehind(journal.tail(), body), resolve);
  });
}

async function appendAll(journal: Journal, bodies: readonly string[]): Promise<void> {
  for (const body of bodies) expect(await append(journal, body)).toEqual({ type: "appended" });
}

async function bodiesFrom(journal: Journal, from = 1): Promise<string[]> {
  const bodies: string[] = [];
  await journal.read(position(from), (record) => {
    bodies.push(Buffer.from(record.body).toString());
  });
  return bodies;
}

/** Lets everything that waits for nothing outside go on. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe("a dead process's journal", () => {
  const histories = [
    { place: "in the middle of a segment", bodies: ["a", "b", "last"] },
    { place: "at the start of the journal", bodies: ["last"] },
    { place: "at the start of a segment", bodies: ["x".repeat(900), "y".repeat(900)] },
  ];
  it.each(histories)("I6: keeps what opening found $place, though the write of it never ended", async ({ bodies }) => {
    const disk = new CrashDisk();
    const journal = await openOn(disk);
    await appendAll(journal, bodies.slice(0, -1));
    await settle();
    disk.endsWrites = false;
    journal.append(journal.tail().position, frameBehind(journal.tail(), bodies.at(-1) ?? ""), () => undefined);
    await settle();
    disk.killProcess();
    // The next process sees the write in the page cache and builds on it. Then the power goes.
    const next = await openOn(disk);
    expect(await bodiesFrom(next)).toEqual(bodies);
    const after = await openOn(new CrashDisk(disk.imageAt(disk.now, NOTHING)));
    expect(await bodiesFrom(after)).toEqual(bodies);
  });

  it("I6: overwrites what it cut off, so that it never comes back behind what is appended there instead", async () => {
    const disk = new CrashDisk();
    const journal = await openOn(disk);
    await appendAll(journal, ["a"]);
    const torn = frameBehind(journal.tail(), "torn".repeat(100));
    disk.endsWrites = false;
    journal.append(position(1), torn, () => undefined);
    disk.killProcess();
    const name = segmentName(position(1));
    const tornAt = SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 1;
    disk.flip(name, tornAt + 100);
    const next = await openOn(disk);
    expect(await bodiesFrom(next)).toEqual(["a"]);
    const left = disk.imageAt(disk.now, EVERYTHING).get(name)?.subarray(tornAt);
    expect(left?.length).toBe(SEGMENT_BYTES - tornAt);
    expect(left?.every((byte) => byte === 0)).toBe(true);
  });

  it("I6: forgets a segment that has not begun for good, though what is appended instead goes elsewhere", async () => {
    const disk = new CrashDisk();
    const journal = await openOn(disk);
    await appendAll(journal, ["x".repeat(600)]);
    await settle();
    disk.endsWrites = false;
    journal.append(position(1), frameBehind(journal.tail(), "y".repeat(600)), () => undefined);
    await settle();
    const crashed = new CrashDisk(disk.imageAt(disk.now, NOTHING));
    expect((await crashed.list()).map(({ name }) => name)).toContain(segmentName(position(2)));
    const next = await openOn(crashed);
    await appendAll(next, ["fits the first", "so does this"]);
    const again = await openOn(new CrashDisk(crashed.imageAt(crashed.now, NOTHING)));
    expect(await bodiesFrom(again)).toEqual(["x".repeat(600), "fits the first", "so does this"]);
  });

  it("keeps its lock no longer than it lives", async () => {
    await using folder = await tempFolder();
    const writer = new URL("testdata/writer.ts", import.meta.url).pathname;
    await using child = await startNode(writer, [folder.path]);
    await child.waitForLine(/^acked 1$/);
    await expect(openIn(folder.path)).rejects.toBeInstanceOf(JournalLocked);
    await child.kill();
    const journal = await openIn(folder.path);
    expect(journal.tail().position).toBeGreaterThan(0);
    await journal.close();
  });
});

describe("a recycled segment", () => {
  it("I6: never passes off what it held before as records", async () => {
    const histories = fc.array(fc.record({ bytes: fc.nat({ max: 700 }), keeps: fc.integer({ min: 1, max: 4 }) }), {
      minLength: 20,
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const disk = new CrashDisk();
        let journal = await openOn(disk);
        const bodies: string[] = [];
        let from = 1;
        for (const { bytes, keeps } of history) {
          // The same frames at the same offsets but for position and chain: the hardest content to tell apart.
          bodies.push("s".repeat(bytes));
          await appendAll(journal, bodies.slice(-1));
          from = Math.max(bodies.length - keeps, from);
          await journal.truncateBefore(position(from));
          if (bytes % 7 === 0) {
            await journal.close();
            journal = await openOn(disk);
          }
          expect(journal.tail().position).toBe(bodies.length);
        }
        expect(await bodiesFrom(journal, from)).toEqual(bodies.slice(from - 1));
        expect((await disk.list()).length).toBeLessThan(history.length);
      }),
      { numRuns: 60 },
    );
  });

  it("is used again instead of a new file, and what is too many is removed", async () => {
    const disk = new CrashDisk();
    const journal = await openOn(disk);
    const spares = async () => (await disk.list()).filter(({ name }) => name.endsWith(".spare")).length;
    for (let at = 1; at <= 12; at += 1) await appendAll(journal, ["x".repeat(900)]);
    await journal.truncateBefore(position(12));
    expect(await spares()).toBe(SPARES_MAX);
    const before = journal.bytes();
    await appendAll(journal, ["x".repeat(900)]);
    expect(await spares()).toBe(SPARES_MAX - 1);
    expect(journal.bytes()).toBe(before);
    await journal.close();
  });

  it("is not taken from what a dead process did not finish making", async () => {
    const disk = new CrashDisk(new Map([["3.spare", Buffer.alloc(SEGMENT_BYTES - 1)]]));
    const journal = await openOn(disk);
    await appendAll(journal, ["a"]);
    expect(await disk.list()).toEqual([{ name: segmentName(position(1)), bytes: SEGMENT_BYTES }]);
    await journal.close();
  });
});

describe("damage", () => {
  async function filled(): Promise<CrashDisk> {
    const disk = new CrashDisk();
    const journal = await openOn(disk);
    await appendAll(
      journal,
      Array.from({ length: 12 }, (_, ordinal) => `${ordinal}`.repeat(150)),
    );
    await journal.close();
    return disk;
  }

  it("I6: is refused when a whole record follows in the newest segment, and the disk left as it was", async () => {
    const disk = await filled();
    const newest = (await disk.list())
      .map(({ name }) => name)
      .filter((name) => name.endsWith(".seg"))
      .toSorted()
      .at(-1);
    disk.flip(newest ?? "", 32 + 40);
    const before = disk.imageAt(disk.now, NOTHING);
    await expect(openOn(disk)).rejects.toBeInstanceOf(JournalDamaged);
    await expect(openOn(disk)).rejects.toThrow("later records follow");
    expect(disk.imageAt(disk.now, NOTHING)).toEqual(before);
  });

  it("I6: is refused when a segment in the middle is gone, or ends early, or its header is wrong", async () => {
    const [first, second, third] = (await (await filled()).list()).map(({ name }) => name).toSorted();
    const harms: ((disk: CrashDisk) => Promise<void> | void)[] = [
      (disk) => disk.remove(second ?? ""),
      (disk) => disk.flip(first ?? "", 32 + 40),
      (disk) => disk.flip(second ?? "", 9),
      (disk) => disk.flip(third ?? "", 20),
    ];
    for (const harm of harms) {
      const disk = await filled();
      await harm(disk);
      const use = async (): Promise<unknown> => bodiesFrom(await openOn(disk));
      await expect(use()).rejects.toBeInstanceOf(JournalDamaged);
    }
  });

  it("I6: is refused when the segment before one that has not begun ends early", async () => {
    const [first, second] = (await (await filled()).list()).map(({ name }) => name).toSorted();
    const image = new Map((await filled()).imageAt(Number.POSITIVE_INFINITY, NOTHING));
    const begun = image.get(first ?? "") ?? Buffer.alloc(0);
    // The last of its records is gone without a trace, and only then does the next segment begin.
    const cut = begun.lastIndexOf(Buffer.from([0xf7, 0x4d, 0x4a, 0x01]));
    const disk = new CrashDisk(
      new Map([
        [first ?? "", Buffer.concat([begun.subarray(0, cut), Buffer.alloc(begun.length - cut)])],
        [second ?? "", Buffer.alloc(SEGMENT_BYTES)],
      ]),
    );
    await expect(openOn(disk)).rejects.toThrow("are missing");
    await expect(openOn(disk)).rejects.toBeInstanceOf(JournalDamaged);
  });

  it("refuses a segment of a later release instead of cutting it off", async () => {
    const header = encodeSegmentHeader(EMPTY_TAIL);
    header[3] = 2;
    const disk = new CrashDisk(new Map([[segmentName(position(1)), Buffer.concat([header, Buffer.alloc(500, 1)])]]));
    await expect(openOn(disk)).rejects.toThrow("later release");
  });
});

describe("a full disk", () => {
  it("I9: leaves nothing half made when there is no room for a segment", async () => {
    const disk = new CrashDisk();
    const journal = await openOn(disk);
    await appendAll(journal, ["x".repeat(400)]);
    disk.roomBytes = 1500;
    expect(await append(journal, "y".repeat(600))).toEqual({ type: "full" });
    expect(await append(journal, "y".repeat(600))).toEqual({ type: "full" });
    // What would fit the segment at hand waits, too: its writer would think that there is room again.
    expect(await append(journal, "z".repeat(100))).toEqual({ type: "full" });
    expect((await disk.list()).map(({ name }) => name)).toEqual([segmentName(position(1))]);
    disk.roomBytes = 5_000;
    await appendAll(journal, ["y".repeat(600)]);
    expect((await bodiesFrom(journal)).map((body) => body.length)).toEqual([400, 600]);
    await journal.close();
  });

  const failures = [0, 20, 68, 10_000].flatMap((partBytes) => [
    { place: "in the middle of a segment", partBytes, fillBytes: 300 },
    { place: "at the start of a segment", partBytes, fillBytes: 900 },
  ]);

  it.each(failures)("I9: takes back $partBytes bytes that a write left $place", async ({ partBytes, fillBytes }) => {
    const disk = new CrashDisk();
    const journal = await openOn(disk);
    const filled = "f".repeat(fillBytes);
    await appendAll(journal, [filled]);
    await settle();
    disk.failures.push({ code: "ENOSPC", partBytes });
    expect(await append(journal, "x".repeat(200))).toEqual({ type: "full" });
    const crashed = await openOn(new CrashDisk(disk.imageAt(disk.now, NOTHING)));
    expect(await bodiesFrom(crashed)).toEqual([filled]);
    await appendAll(journal, ["y".repeat(200)]);
    expect(await bodiesFrom(journal)).toEqual([filled, "y".repeat(200)]);
    await journal.close();
  });

  it.each(failures)("I2: doubts $partBytes bytes $place that it cannot take back", async ({ partBytes, fillBytes }) => {
    const disk = new CrashDisk();
    const journal = await openOn(disk);
    const filled = "f".repeat(fillBytes);
    await appendAll(journal, [filled]);
    await settle();
    disk.failures.push({ code: "ENOSPC", partBytes }, { code: "EIO", partBytes: 0 });
    expect((await append(journal, "x".repeat(200))).type).toBe("unknown");
    expect(await append(journal, "y")).toEqual({ type: "stale" });
    await journal.close();
    const again = await openOn(disk);
    const found = await bodiesFrom(again);
    expect(found).toEqual(partBytes === 10_000 ? [filled, "x".repeat(200)] : [filled]);
    await appendAll(again, ["z"]);
    await again.close();
  });
});

describe("files", () => {
  it("are the user's alone", async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, "new", "journal");
    const journal = await openIn(path);
    await appendAll(journal, ["a"]);
    await journal.close();
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(path)) expect((await stat(join(path, name))).mode & 0o077).toBe(0);
  });
});
