// Every crash at every instant: the adapter runs over a disk that remembers what was durable when, and opens what each
// loss of power may have left.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Prng } from "@millrace/clock/prng.ts";
import { type Position, position, term } from "@millrace/model/ids.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { describe, expect, it } from "vitest";
import { type AppendOutcome, type Journal, type JournalTail, JournalTruncated } from "../journal.ts";
import { encodeRecord } from "../record.ts";
import { type CrashChoice, CrashDisk, type DiskImage, type WriteEvent } from "./crash-disk.ts";
import { openFileJournal, openOnDisk } from "./open.ts";

const SEGMENT_BYTES = 1024;
/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;
/** Writes up to this size are torn at every byte, larger ones at every sector. */
const TORN_BY_BYTE_MAX = 400;
/** Random subsets of sectors, and of renames, tried at each instant. */
const SUBSETS = 3;
/** Of the instants of a first crash, how many have a second one each: a few thousand images. */
const FIRST_CRASH_EVERY = 5;
/** Of the images, how many are opened in a real folder, too: some dozens. */
const REAL_FOLDER_EVERY = 97;
const BODY_BYTES = [0, 11, 64, 3, 120, 1, 700, 30, 5, 47, 90, 850, 2, 33];

/** What one process did on the disk, and when what it was told became true. */
interface Told {
  readonly atInstant: number;
  /** Acked up to here. */
  readonly acked: number;
  /** Begun up to here. */
  readonly begun: number;
  /** Asked to forget what is before. */
  readonly truncatedBefore: number;
}

function bodyOf(at: number, salt = ""): Buffer {
  const bytes = BODY_BYTES[at % BODY_BYTES.length] ?? 0;
  return Buffer.from(`${salt}${at}:`.repeat(bytes)).subarray(0, bytes);
}

function nextFrame(tail: JournalTail, body: Buffer): Buffer {
  const head = {
    position: position(tail.position + 1),
    term: term(1),
    timeMs: 1_767_225_600_000,
    previousChain: tail.chain,
  };
  return encodeRecord(head, body).frame;
}

function append(journal: Journal, body: Buffer): Promise<AppendOutcome> {
  const tail = journal.tail();
  return new Promise((resolve) => {
    journal.append(tail.position, nextFrame(tail, body), resolve);
  });
}

async function bodiesFrom(journal: Journal, from: Position): Promise<string[]> {
  const bodies: string[] = [];
  await journal.read(from, (record) => {
    expect(record.position).toBe(from + bodies.length);
    bodies.push(Buffer.from(record.body).toString());
  });
  return bodies;
}

/** Appends, truncates, closes and opens again, and notes after each step what the caller knows from then on. */
async function runHistory(disk: CrashDisk): Promise<Told[]> {
  const told: Told[] = [{ atInstant: 0, acked: 0, begun: 0, truncatedBefore: 1 }];
  const note = (change: Partial<Told>): void => {
    const last = told.at(-1);
    if (last !== undefined) told.push({ ...last, ...change, atInstant: disk.now });
  };
  let journal = await openOnDisk(disk, { segmentBytes: SEGMENT_BYTES });
  for (let at = 1; at <= 34; at += 1) {
    note({ begun: at });
    expect(await append(journal, bodyOf(at))).toEqual({ type: "appended" });
    note({ acked: at });
    if (at % 11 === 0) {
      note({ truncatedBefore: at - 3 });
      await journal.truncateBefore(position(at - 3));
    }
    if (at === 17 || at === 29) {
      await journal.close();
      journal = await openOnDisk(disk, { segmentBytes: SEGMENT_BYTES });
    }
  }
  await journal.close();
  return told;
}

function knownAt(told: readonly Told[], instant: number): Told {
  const known = told.findLast((entry) => entry.atInstant <= instant);
  if (known === undefined) throw new Error("Nothing was told yet.");
  return known;
}

const NOTHING: CrashChoice = { written: () => [], renamed: () => false };
const EVERYTHING: CrashChoice = { written: (event) => [[0, event.bytes.length]], renamed: () => true };

/** Every way to tear the writes under way, all renames done; then every way to lose renames. */
function* choicesAt(disk: CrashDisk, instant: number, prng: Prng): Generator<CrashChoice> {
  const { writes, names } = disk.uncertainAt(instant);
  yield NOTHING;
  if (writes.length + names.length === 0) return;
  yield EVERYTHING;
  for (const torn of writes) {
    for (const ranges of tears(torn, prng)) {
      yield { ...EVERYTHING, written: (event) => (event === torn ? ranges : []) };
    }
  }
  for (const [ordinal] of names.entries()) {
    yield { ...EVERYTHING, renamed: (event) => names.indexOf(event) < ordinal };
    yield { ...EVERYTHING, renamed: (event) => names.indexOf(event) > ordinal };
  }
  for (let subset = 0; subset < SUBSETS; subset += 1) {
    const chosen = new Set(names.filter(() => prng.next32() % 2 === 0));
    yield { ...EVERYTHING, renamed: (event) => chosen.has(event) };
  }
}

function* tears(event: WriteEvent, prng: Prng): Generator<readonly (readonly [number, number])[]> {
  const { length } = event.bytes;
  const sectors: (readonly [number, number])[] = [];
  for (let start = 0; start < length; ) {
    const end = Math.min(start + SECTOR_BYTES - ((event.at + start) % SECTOR_BYTES), length);
    sectors.push([start, end]);
    start = end;
  }
  if (length <= TORN_BY_BYTE_MAX) for (let cut = 1; cut < length; cut += 1) yield [[0, cut]];
  for (const [ordinal] of sectors.entries()) {
    yield sectors.slice(0, ordinal);
    yield sectors.slice(ordinal);
    yield sectors.filter((_, other) => other !== ordinal);
  }
  for (let subset = 0; subset < SUBSETS; subset += 1) yield sectors.filter(() => prng.next32() % 2 === 0);
}

/** Opens what a crash left: all that was acked is there, nothing but what was begun, and appending goes on. */
async function checkOpening(open: () => Promise<Journal>, known: Told): Promise<void> {
  const journal = await open();
  const found = journal.tail().position;
  expect(found).toBeGreaterThanOrEqual(known.acked);
  expect(found).toBeLessThanOrEqual(known.begun);
  const from = position(Math.max(Math.min(known.truncatedBefore, found), 1));
  const expected = Array.from({ length: found - from + 1 }, (_, ordinal) => bodyOf(from + ordinal).toString());
  expect(await bodiesFrom(journal, from)).toEqual(expected);
  for (const earlier of [1, from - 9, from - 6]) {
    // Forgotten or still there, but never with a gap.
    const bodies = await bodiesFrom(journal, position(earlier)).catch((error: unknown) => error);
    if (Array.isArray(bodies)) expect(bodies.slice(from - earlier)).toEqual(expected);
    else expect(bodies).toBeInstanceOf(JournalTruncated);
  }
  const added = [bodyOf(found + 1, "after"), bodyOf(found + 8, "again")];
  for (const body of added) expect(await append(journal, body)).toEqual({ type: "appended" });
  await journal.close();
  const reopened = await open();
  expect(await bodiesFrom(reopened, from)).toEqual([...expected, ...added.map((body) => body.toString())]);
  await reopened.close();
}

function checkImage(image: DiskImage, known: Told): Promise<void> {
  const disk = new CrashDisk(image);
  return checkOpening(() => openOnDisk(disk, { segmentBytes: SEGMENT_BYTES }), known);
}

async function checkInFolder(image: DiskImage, known: Told): Promise<void> {
  await using folder = await tempFolder();
  for (const [name, bytes] of image) await writeFile(join(folder.path, name), bytes);
  await checkOpening(() => openFileJournal(folder.path, { segmentBytes: SEGMENT_BYTES }), known);
}

describe("a crash of the machine", () => {
  it("I1: at any instant, with any part of what was under way on disk, loses nothing that was acked", async () => {
    const disk = new CrashDisk();
    const told = await runHistory(disk);
    const prng = new Prng(1);
    let images = 0;
    for (let instant = 0; instant <= disk.now; instant += 1) {
      for (const choice of choicesAt(disk, instant, prng)) {
        const image = disk.imageAt(instant, choice);
        await checkImage(image, knownAt(told, instant));
        if (images % REAL_FOLDER_EVERY === 0) await checkInFolder(image, knownAt(told, instant));
        images += 1;
      }
    }
    expect(images).toBeGreaterThan(2_000);
  });

  it("I1: a second crash while the first one is recovered from loses nothing either", async () => {
    const disk = new CrashDisk();
    const told = await runHistory(disk);
    const prng = new Prng(2);
    let images = 0;
    for (let instant = prng.below(FIRST_CRASH_EVERY); instant <= disk.now; instant += FIRST_CRASH_EVERY) {
      const first = [...choicesAt(disk, instant, prng)];
      const choice = first[prng.next32() % first.length] ?? NOTHING;
      const image = disk.imageAt(instant, choice);
      const second = new CrashDisk(image);
      const known = knownAt(told, instant);
      const journal = await openOnDisk(second, { segmentBytes: SEGMENT_BYTES });
      const opened = { atInstant: second.now, found: journal.tail().position };
      await journal.close();
      for (let again = 0; again <= second.now; again += 1) {
        for (const torn of choicesAt(second, again, prng)) {
          // What opening has found must stay.
          const acked = again >= opened.atInstant ? opened.found : known.acked;
          await checkImage(second.imageAt(again, torn), { ...known, acked });
          images += 1;
        }
      }
    }
    expect(images).toBeGreaterThan(2_000);
  });
});
