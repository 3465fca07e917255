// Framing of records: what lies on disk, travels in one message, and is read back.
//
//   byte  0        4        8          16       24     28               32      36
//        ┌────────┬────────┬──────────┬────────┬──────┬────────────────┬───────┬──────────┐
//        │ magic  │ length │ position │ timeMs │ term │ previous chain │ chain │ body …   │   little endian
//        └────────┴────────┴──────────┴────────┴──────┴────────────────┴───────┴──────────┘
//
// 1. chain = CRC-32 of the header before it and of the body, seeded with the previous record's chain: a record can
//    neither change, move, nor be taken from another journal without being noticed.
// 2. A record names the chain it continues, so it can be checked alone, too: that is how a torn tail (nothing whole
//    behind it) is told from damage (a whole later record behind it).
// 3. The magic holds the format's version and begins with a byte that UTF-8 never contains: no JSON can look like one.
import { crc32 } from "node:zlib";
import { type Position, position, type Term, term } from "@millrace/model/ids.ts";
import { type JournalRecord, type JournalTail, RECORD_BYTES_MAX } from "./journal.ts";

export const RECORD_HEADER_BYTES = 36;

/** The largest body that fits a frame. */
export const RECORD_BODY_BYTES_MAX = RECORD_BYTES_MAX - RECORD_HEADER_BYTES;

/** Bytes F7 'M' 'J' and the format's version, 1. */
const MAGIC = 0x01_4a_4d_f7;
const MAGIC_BYTES = Buffer.from([0xf7, 0x4d, 0x4a, 0x01]);

const LENGTH_AT = 4;
const POSITION_AT = 8;
const TIME_AT = 16;
const TERM_AT = 24;
const PREVIOUS_CHAIN_AT = 28;
const CHAIN_AT = 32;
const TWO_TO_32 = 2 ** 32;

/** What a record says of itself beside its body. */
export interface RecordHead {
  readonly position: Position;
  readonly term: Term;
  /** Epoch ms, a whole number. */
  readonly timeMs: number;
  /** Chain of the record before; 0 for the first. */
  readonly previousChain: number;
}

export interface EncodedRecord {
  readonly frame: Buffer;
  /** Of this record: what the next one continues. */
  readonly chain: number;
}

/** What lies at a place where a record is expected. */
export type DecodedRecord =
  /** `end` is where the next one is expected. Its body is a view, not a copy. */
  | { readonly type: "record"; readonly record: JournalRecord; readonly end: number }
  /** Nothing was ever written here: the bytes end, or zeros follow. */
  | { readonly type: "end" }
  /** Something else: torn, damaged, or left over from before. */
  | { readonly type: "wrong"; readonly reason: string };

const END: DecodedRecord = { type: "end" };

/** The tail of a journal that holds nothing. */
export const EMPTY_TAIL: JournalTail = { position: position(0), chain: 0, term: term(0), timeMs: 0 };

/** Frames a body with one copy of it. Throws RangeError if the frame would exceed {@link RECORD_BYTES_MAX}. */
export function encodeRecord(head: RecordHead, body: Uint8Array): EncodedRecord {
  if (body.length > RECORD_BODY_BYTES_MAX) {
    throw new RangeError(`A record's body has ${body.length} bytes; at most ${RECORD_BODY_BYTES_MAX} fit a frame.`);
  }
  const frame = Buffer.allocUnsafe(RECORD_HEADER_BYTES + body.length);
  frame.writeUInt32LE(MAGIC, 0);
  frame.writeUInt32LE(body.length, LENGTH_AT);
  writeUInt64(frame, head.position, POSITION_AT);
  writeUInt64(frame, head.timeMs, TIME_AT);
  frame.writeUInt32LE(head.term, TERM_AT);
  frame.writeUInt32LE(head.previousChain, PREVIOUS_CHAIN_AT);
  frame.set(body, RECORD_HEADER_BYTES);
  const chain = chainOf(frame, head.previousChain, 0, frame.length);
  frame.writeUInt32LE(chain, CHAIN_AT);
  return { frame, chain };
}

/** Reads what lies at `offset`, which must be the record right after `previous`. Never throws. */
export function decodeRecord(bytes: Buffer, offset: number, previous: JournalTail): DecodedRecord {
  if (isEnd(bytes, offset)) return END;
  const wrong = wrongHeader(bytes, offset) ?? wrongSuccessor(bytes, offset, previous);
  return wrong === undefined ? checkedRecord(bytes, offset) : { type: "wrong", reason: wrong };
}

/** Reads a frame by itself, for a reader that does not know the record before. Never throws. */
export function decodeAlone(frame: Buffer): DecodedRecord {
  const wrong = wrongHeader(frame, 0);
  return wrong === undefined ? checkedRecord(frame, 0) : { type: "wrong", reason: wrong };
}

/**
 * Finds a whole record of a later position than `than`, by itself, at or behind `offset`: proof that what lies before
 * it was once acked. Returns whether there is one that begins within `bytes`. Never throws.
 */
export function hasLaterRecord(bytes: Buffer, offset: number, than: Position): boolean {
  let at = bytes.indexOf(MAGIC_BYTES, offset);
  while (at !== -1) {
    const isLater = wrongHeader(bytes, at) === undefined && readUInt64(bytes, at + POSITION_AT) > than;
    if (isLater && checkedRecord(bytes, at).type === "record") return true;
    at = bytes.indexOf(MAGIC_BYTES, at + 1);
  }
  return false;
}

/**
 * The tail once `frame` is appended behind `tail`. For adapters, before they write: throws RangeError if the frame is
 * too large or is not the record that comes next, since such a journal could never be read again. Leaves the
 * checksum to readers.
 */
export function tailAfter(tail: JournalTail, frame: Uint8Array): JournalTail {
  if (frame.length > RECORD_BYTES_MAX) {
    throw new RangeError(`A frame has ${frame.length} bytes; at most ${RECORD_BYTES_MAX} are a record.`);
  }
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const wrong = wrongHeader(bytes, 0) ?? wrongSuccessor(bytes, 0, tail);
  if (wrong !== undefined) throw new RangeError(`A frame cannot be appended at ${tail.position + 1}: ${wrong}.`);
  const frameBytes = RECORD_HEADER_BYTES + bytes.readUInt32LE(LENGTH_AT);
  if (frameBytes !== frame.length) {
    throw new RangeError(`A frame of ${frame.length} bytes says that it has ${frameBytes}.`);
  }
  return {
    position: position(readUInt64(bytes, POSITION_AT)),
    chain: bytes.readUInt32LE(CHAIN_AT),
    term: term(bytes.readUInt32LE(TERM_AT)),
    timeMs: readUInt64(bytes, TIME_AT),
  };
}

/** The tail of a journal that ends with this record. */
export function tailOf({ position: at, chain, term: ofTerm, timeMs }: JournalRecord): JournalTail {
  return { position: at, chain, term: ofTerm, timeMs };
}

/** What a record says of the one before it: enough to check that it follows. */
export function tailBefore({ position: at, previousChain, term: ofTerm, timeMs }: JournalRecord): JournalTail {
  return { position: position(at - 1), chain: previousChain, term: ofTerm, timeMs };
}

function isEnd(bytes: Buffer, offset: number): boolean {
  if (offset >= bytes.length) return true;
  const headerEnd = Math.min(offset + RECORD_HEADER_BYTES, bytes.length);
  for (let at = offset; at < headerEnd; at += 1) if (bytes[at] !== 0) return false;
  return true;
}

function wrongHeader(bytes: Buffer, offset: number): string | undefined {
  const left = bytes.length - offset;
  if (left < RECORD_HEADER_BYTES) return `its header is cut off after ${left} bytes`;
  if (bytes.readUInt32LE(offset) !== MAGIC) return "it does not begin as a record of format version 1";
  const bodyBytes = bytes.readUInt32LE(offset + LENGTH_AT);
  if (bodyBytes > RECORD_BODY_BYTES_MAX) return `its body claims ${bodyBytes} bytes`;
  if (bodyBytes > left - RECORD_HEADER_BYTES) return `its body of ${bodyBytes} bytes is cut off`;
  return undefined;
}

function wrongSuccessor(bytes: Buffer, offset: number, previous: JournalTail): string | undefined {
  const at = readUInt64(bytes, offset + POSITION_AT);
  if (at !== previous.position + 1) return `it says position ${at} at the place of ${previous.position + 1}`;
  const previousChain = bytes.readUInt32LE(offset + PREVIOUS_CHAIN_AT);
  if (previousChain !== previous.chain) return `it continues chain ${previousChain}, not ${previous.chain}`;
  const ofTerm = bytes.readUInt32LE(offset + TERM_AT);
  if (ofTerm < previous.term) return `its term ${ofTerm} is before term ${previous.term}`;
  return undefined;
}

/** The header was found good: only the checksum is left to check. */
function checkedRecord(bytes: Buffer, offset: number): DecodedRecord {
  const end = offset + RECORD_HEADER_BYTES + bytes.readUInt32LE(offset + LENGTH_AT);
  const chain = bytes.readUInt32LE(offset + CHAIN_AT);
  const previousChain = bytes.readUInt32LE(offset + PREVIOUS_CHAIN_AT);
  if (chainOf(bytes, previousChain, offset, end) !== chain) {
    return { type: "wrong", reason: "its checksum does not match" };
  }
  const record: JournalRecord = {
    position: position(readUInt64(bytes, offset + POSITION_AT)),
    term: term(bytes.readUInt32LE(offset + TERM_AT)),
    timeMs: readUInt64(bytes, offset + TIME_AT),
    chain,
    previousChain,
    body: bytes.subarray(offset + RECORD_HEADER_BYTES, end),
  };
  return { type: "record", record, end };
}

function chainOf(bytes: Buffer, previousChain: number, start: number, end: number): number {
  const header = crc32(bytes.subarray(start, start + CHAIN_AT), previousChain);
  return crc32(bytes.subarray(start + RECORD_HEADER_BYTES, end), header);
}

/** Two halves rather than a BigInt: positions and times are safe integers, and this is the hot path. */
function writeUInt64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value % TWO_TO_32, at);
  bytes.writeUInt32LE(Math.floor(value / TWO_TO_32), at + 4);
}

function readUInt64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * TWO_TO_32;
}
