// What a handle remembers of its records: where in the stream they lie, and how many bytes they have.
// A number or two a record while they are few; of very many, only every so many are remembered.
import type { Position } from "@millrace/model/ids.ts";

/** A record and its place. */
export interface Mark {
  readonly position: Position;
  readonly sequence: number;
  /** Of all records remembered before it. */
  readonly bytesBefore: number;
}

/** A journal is truncated every few thousand records; beyond this many, every second mark is forgotten. */
const MARKS_MAX = 16_384;

export class Marks {
  #marks: Mark[] = [];
  /** Of all records since the first mark. */
  #bytes = 0;
  #bytesDropped = 0;
  /** Records from one mark to the next. */
  #stride = 1;

  /** The oldest record remembered; undefined = none. */
  get first(): Mark | undefined {
    return this.#marks[0];
  }

  /** Bytes of the records from the oldest one remembered on. */
  get bytes(): number {
    return this.#bytes - this.#bytesDropped;
  }

  /** Adds the record behind all others. */
  add(at: Position, sequence: number, bytes: number): void {
    const last = this.#marks.at(-1);
    if (last === undefined || at >= last.position + this.#stride) {
      this.#marks.push({ position: at, sequence, bytesBefore: this.#bytes });
    }
    this.#bytes += bytes;
    if (this.#marks.length > MARKS_MAX) this.#thin();
  }

  /** The newest record remembered at or before a position; undefined = all are behind it. */
  floor(at: Position): Mark | undefined {
    let low = 0;
    let high = this.#marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#marks[middle]?.position ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    return this.#marks[low - 1];
  }

  /** Forgets what lies before a record that is remembered. */
  dropBefore(mark: Mark): void {
    const index = this.#marks.indexOf(mark);
    if (index <= 0) return;
    this.#marks = this.#marks.slice(index);
    this.#bytesDropped = mark.bytesBefore;
  }

  /** Puts records found to lie before all that are remembered in front of them. */
  prepend(found: Marks): void {
    const shift = found.bytes - this.#bytesDropped;
    const mine = this.#marks.map((mark) => ({ ...mark, bytesBefore: mark.bytesBefore + shift }));
    this.#marks = [...found.#marks, ...mine];
    this.#bytes += shift;
    this.#bytesDropped = 0;
    this.#stride = Math.max(this.#stride, found.#stride);
    while (this.#marks.length > MARKS_MAX) this.#thin();
  }

  #thin(): void {
    this.#marks = this.#marks.filter((_, index) => index % 2 === 0);
    this.#stride *= 2;
  }
}
