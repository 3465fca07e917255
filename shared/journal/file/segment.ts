// A segment: one file of consecutive records, named by its first position, of fixed size from the day it is made.
//
//   ┌────────────────────────┬────────┬────────┬─────┬──────────────────────────┐
//   │ header: the tail before│ record │ record │ ... │ zeros, or what was there │
//   └────────────────────────┴────────┴────────┴─────┴──────────────────────────┘
//
// The header makes a segment readable without the one before it. It is written together with the first record, so a
// file without a header that fits its name has not begun: nothing in it was ever acked.
import { crc32 } from "node:zlib";
import { type Position, position, term } from "@millrace/model/ids.ts";
import type { JournalTail } from "../journal.ts";

export const SEGMENT_HEADER_BYTES = 32;

/** A file of the journal that holds records. */
export interface Segment {
  readonly first: Position;
  readonly name: string;
  /** Size of the file: records never go beyond it. */
  readonly bytes: number;
}

/** Bytes F7 'M' 'S' and the format's version. A new version of records begins a new segment. */
const VERSION = 1;
const MAGIC = 0x53_4d_f7 + VERSION * 2 ** 24;
const CHECKSUM_AT = 4;
const POSITION_AT = 8;
const TIME_AT = 16;
const TERM_AT = 24;
const CHAIN_AT = 28;

/** Digits of the largest safe integer, so that names sort by position. */
const NAME_DIGITS = 16;
const SEGMENT_NAME = /^(\d{16})\.seg$/;
const SPARE_NAME = /^(\d+)\.spare$/;

export function segmentName(first: Position): string {
  return `${String(first).padStart(NAME_DIGITS, "0")}.seg`;
}

/** The first position of the segment so named; undefined = the name of something else. */
export function firstOf(name: string): Position | undefined {
  const digits = SEGMENT_NAME.exec(name)?.[1];
  return digits === undefined ? undefined : position(Number(digits));
}

export function spareName(ordinal: number): string {
  return `${ordinal}.spare`;
}

/** The ordinal of the spare so named; undefined = the name of something else. */
export function spareOrdinal(name: string): number | undefined {
  const digits = SPARE_NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The header of the segment that goes on behind `base`. */
export function encodeSegmentHeader(base: JournalTail): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header.writeBigUInt64LE(BigInt(base.position), POSITION_AT);
  header.writeBigUInt64LE(BigInt(base.timeMs), TIME_AT);
  header.writeUInt32LE(base.term, TERM_AT);
  header.writeUInt32LE(base.chain, CHAIN_AT);
  header.writeUInt32LE(crc32(header.subarray(POSITION_AT)), CHECKSUM_AT);
  return header;
}

/** Whether a later release wrote the header: what follows is not ours to judge. */
export function isNewerSegment(bytes: Buffer): boolean {
  const magic = bytes.length < SEGMENT_HEADER_BYTES ? 0 : bytes.readUInt32LE(0);
  return magic % 2 ** 24 === MAGIC % 2 ** 24 && magic > MAGIC;
}

/** The tail before the segment's first record; undefined = it has not begun, or is not the segment it is named. */
export function decodeSegmentHeader(bytes: Buffer, first: Position): JournalTail | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined;
  const checksum = crc32(bytes.subarray(POSITION_AT, SEGMENT_HEADER_BYTES));
  if (bytes.readUInt32LE(CHECKSUM_AT) !== checksum) return undefined;
  const before = Number(bytes.readBigUInt64LE(POSITION_AT));
  if (before + 1 !== first) return undefined;
  return {
    position: position(before),
    chain: bytes.readUInt32LE(CHAIN_AT),
    term: term(bytes.readUInt32LE(TERM_AT)),
    timeMs: Number(bytes.readBigUInt64LE(TIME_AT)),
  };
}
