// Reading records back from segments.
import type { Clock } from "@millrace/clock/clock.ts";
import type { Position } from "@millrace/model/ids.ts";
import { JournalDamaged, type JournalRecord, type JournalTail } from "../journal.ts";
import type { Disk } from "./disk.ts";
import { type VisitRecord, walkSegment } from "./scan.ts";
import { decodeSegmentHeader, type Segment } from "./segment.ts";
import { SegmentWindow } from "./window.ts";

/** How long a reader holds the event loop at a stretch: the budget of a checkpoint's slice (DESIGN §5). */
const STRETCH_MS = 5;

/** Which records to visit, both inclusive. `segments` hold them all, oldest first. */
export interface ReadRange {
  readonly segments: readonly Segment[];
  readonly from: Position;
  readonly until: Position;
}

/** Visits the records of a range, checking the chain across segments. Rejects with {@link JournalDamaged}. */
export async function readRecords(
  disk: Disk,
  clock: Clock,
  range: ReadRange,
  visit: (record: JournalRecord) => void,
): Promise<void> {
  let stretchEndsMs = clock.monotonicMs() + STRETCH_MS;
  const visitInRange: VisitRecord = (record) => {
    if (record.position < range.from) return undefined;
    visit(record);
    if (clock.monotonicMs() < stretchEndsMs) return undefined;
    return new Promise((resolve) => {
      clock.soon(() => {
        stretchEndsMs = clock.monotonicMs() + STRETCH_MS;
        resolve();
      });
    });
  };
  let tail: JournalTail | null = null;
  for (const [ordinal, segment] of range.segments.entries()) {
    const nextFirst = range.segments[ordinal + 1]?.first ?? range.until + 1;
    // A segment before the one that holds `from`.
    if (nextFirst <= range.from) continue;
    if (segment.first > range.until) return;
    tail = await readSegment(disk, segment, { tail, until: Math.min(nextFirst - 1, range.until) }, visitInRange);
  }
}

/** Visits a segment up to a position that it must hold, behind the tail of the segment before (null = not known). */
async function readSegment(
  disk: Disk,
  segment: Segment,
  expected: { readonly tail: JournalTail | null; readonly until: number },
  visit: VisitRecord,
): Promise<JournalTail> {
  const file = await disk.open(segment.name);
  try {
    const window = new SegmentWindow(file, segment.bytes);
    await window.move(0);
    const base = decodeSegmentHeader(window.bytes, segment.first);
    if (base === undefined) throw new JournalDamaged(`${segment.name} has no header that fits its name.`);
    if (expected.tail !== null && expected.tail.chain !== base.chain) {
      throw new JournalDamaged(`${segment.name} does not continue the segment before it.`);
    }
    const end = await walkSegment(window, base, expected.until, visit);
    if (end.tail.position < expected.until) {
      throw new JournalDamaged(
        `Record ${end.tail.position + 1} cannot be read at byte ${end.offset} of ${segment.name}: ${end.reason}.`,
      );
    }
    return end.tail;
  } finally {
    await file.close();
  }
}
