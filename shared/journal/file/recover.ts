// Opening what a process, dead or alive, left in the folder: finds the tail, and makes sure of it.
//
// Why cutting is safe. One append is in flight at a time, and the next one begins only after it was acked. So at the
// first place where the next record is not whole, either nothing was acked any more (a torn tail: an append died), or
// the disk lost what it had promised. Nothing tells them apart but a whole later record behind that place.
// 1. What is cut off is overwritten with zeros before opening ends: it can never come back as part of a later record.
// 2. The last whole record is written again: it may never have been acked and live in the page cache alone.
// 3. A segment that has not begun holds nothing that was acked; only the newest can be one, and all before it was acked.
import { position } from "@millrace/model/ids.ts";
import { JournalDamaged, type JournalTail, RECORD_BYTES_MAX } from "../journal.ts";
import { EMPTY_TAIL } from "../record.ts";
import { type Disk, type DiskFile, writeDurably } from "./disk.ts";
import { hasRecordBehind, type SegmentEnd, walkSegment } from "./scan.ts";
import { decodeSegmentHeader, firstOf, isNewerSegment, type Segment } from "./segment.ts";
import { SegmentWindow } from "./window.ts";

/** The segment that is appended to. */
export interface ActiveSegment {
  readonly segment: Segment;
  readonly file: DiskFile;
  /** Where the next record goes. */
  offset: number;
}

export interface Recovered {
  /** Oldest first, the active one last. */
  readonly segments: Segment[];
  /** null = the journal holds nothing yet. */
  readonly active: ActiveSegment | null;
  readonly tail: JournalTail;
}

const ZEROS = Buffer.alloc(RECORD_BYTES_MAX);

/** Finds the tail. Rejects with {@link JournalDamaged}; then nothing was changed that could have been acked. */
export async function recover(disk: Disk): Promise<Recovered> {
  const segments: Segment[] = [];
  for (const { name, bytes } of await disk.list()) {
    const first = firstOf(name);
    if (first !== undefined) segments.push({ first, name, bytes });
  }
  segments.sort((left, right) => left.first - right.first);
  const newest = segments.at(-1);
  if (newest === undefined) return { segments, active: null, tail: EMPTY_TAIL };
  const begun = await openBegun(disk, newest);
  if (begun !== null) return { segments, ...begun };
  segments.pop();
  const before = segments.at(-1);
  if (before === undefined && newest.first === 1) {
    await disk.remove(newest.name);
    return { segments, active: null, tail: EMPTY_TAIL };
  }
  const begunBefore = before === undefined ? null : await openBegun(disk, before);
  if (begunBefore === null) {
    throw new JournalDamaged(`Neither ${newest.name} nor a segment before it has a header that fits its name.`);
  }
  if (begunBefore.tail.position + 1 !== newest.first) {
    await begunBefore.active.file.close();
    throw new JournalDamaged(`Records after ${begunBefore.tail.position} are missing: ${newest.name} was begun.`);
  }
  await disk.remove(newest.name);
  return { segments, ...begunBefore };
}

/** Opens a segment and finds its end; null = it has not begun. */
async function openBegun(
  disk: Disk,
  segment: Segment,
): Promise<{ readonly active: ActiveSegment; readonly tail: JournalTail } | null> {
  const file = await disk.open(segment.name);
  let active: ActiveSegment | null = null;
  try {
    const window = new SegmentWindow(file, segment.bytes);
    await window.move(0);
    if (isNewerSegment(window.bytes)) {
      throw new JournalDamaged(`${segment.name} was written by a later release. Start that release again.`);
    }
    const base = decodeSegmentHeader(window.bytes, segment.first);
    if (base === undefined) {
      await refuseRecordsBehind(window, segment, 0, segment.first);
      return null;
    }
    const end = await walkSegment(window, base, Number.POSITIVE_INFINITY, () => undefined);
    const next = position(end.tail.position + 1);
    if (!window.covers(end.offset)) await window.move(end.offset);
    const behind = window.bytes.subarray(end.offset - window.start);
    const isClean = isZero(behind.subarray(0, RECORD_BYTES_MAX));
    await refuseRecordsBehind(window, segment, end.offset, next);
    if (!isClean) await cut(file, segment, end);
    await writeLastAgain(file, end);
    active = { segment, file, offset: end.offset };
    return { active, tail: end.tail };
  } finally {
    if (active === null) await file.close();
  }
}

async function refuseRecordsBehind(
  window: SegmentWindow,
  segment: Segment,
  offset: number,
  missing: number,
): Promise<void> {
  if (!(await hasRecordBehind(window, offset, position(missing)))) return;
  throw new JournalDamaged(
    `Record ${missing} is missing or wrong at byte ${offset} of ${segment.name}, but later records follow it.`,
  );
}

/** Overwrites whatever an append that was never acked may have left. */
function cut(file: DiskFile, segment: Segment, end: SegmentEnd): Promise<void> {
  return writeDurably(file, ZEROS.subarray(0, segment.bytes - end.offset), end.offset);
}

async function writeLastAgain(file: DiskFile, end: SegmentEnd): Promise<void> {
  const last = Buffer.allocUnsafe(end.offset - end.lastOffset);
  await file.read(last, end.lastOffset);
  await writeDurably(file, last, end.lastOffset);
}

function isZero(bytes: Buffer): boolean {
  return bytes.equals(ZEROS.subarray(0, bytes.length));
}
