import { position } from "@millrace/model/ids.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Marks } from "./marks.ts";

/** Marks of records 1 to `count` of one journal, with sequences that others leave to it. */
function marksOf(first: number, count: number): Marks {
  const marks = new Marks();
  for (let at = first; at < first + count; at += 1) marks.add(position(at), at * 3, at);
  return marks;
}

function sum(first: number, last: number): number {
  return ((first + last) * (last - first + 1)) / 2;
}

describe("marks", () => {
  it("find the newest record at or before a position", () => {
    const marks = marksOf(5, 10);
    expect(marks.floor(position(4))).toBeUndefined();
    expect(marks.floor(position(5))).toMatchObject({ position: 5, sequence: 15 });
    expect(marks.floor(position(9))).toMatchObject({ position: 9, sequence: 27 });
    expect(marks.floor(position(99))).toMatchObject({ position: 14, sequence: 42 });
    expect(new Marks().floor(position(1))).toBeUndefined();
  });

  it("count the bytes of what they remember, whatever is dropped and found", () => {
    const steps = fc.record({ known: fc.nat({ max: 30 }), found: fc.nat({ max: 30 }), dropped: fc.nat({ max: 40 }) });
    fc.assert(
      fc.property(steps, ({ known, found, dropped }) => {
        const marks = marksOf(100, known + 1);
        const first = Math.min(100 + dropped, 100 + known);
        const mark = marks.floor(position(first));
        if (mark !== undefined) marks.dropBefore(mark);
        expect(marks.bytes).toBe(sum(first, 100 + known));
        marks.prepend(marksOf(first - found, found));
        expect(marks.bytes).toBe(sum(first - found, 100 + known));
        marks.add(position(101 + known), 1_000, 1_000);
        expect(marks.bytes).toBe(sum(first - found, 100 + known) + 1_000);
        const last = marks.floor(position(100 + known));
        if (last !== undefined) marks.dropBefore(last);
        expect(marks.bytes).toBe(100 + known + 1_000);
      }),
    );
  });

  it("I9: remember fewer of very many, and never a place too far on", () => {
    const marks = marksOf(1, 100_000);
    const found = Array.from({ length: 100_000 }, (_, index) => marks.floor(position(index + 1)));
    expect(found.every((mark, index) => mark !== undefined && mark.position <= index + 1)).toBe(true);
    expect(found.every((mark) => mark?.sequence === (mark?.position ?? 0) * 3)).toBe(true);
    const remembered = new Set(found).size;
    expect(remembered).toBeLessThanOrEqual(16_384);
    expect(remembered).toBeGreaterThan(4_096);
    expect(marks.bytes).toBe(sum(1, 100_000));
  });
});
