// Keys as bytes, so that entries are small and sort as their parts do:
//
//   run     13 bytes   the run ID's 100 bits: sorts by start time
//   timer   19 bytes   due time (6) · run
//   list    18 bytes   scope (4) · status (1) · run
import { type RunId, runId } from "@millrace/model/ids.ts";
import type { EndStatus, LiveStatus, RunStatus } from "@millrace/model/run-state.ts";

export const RUN_KEY_BYTES = 13;
export const TIMER_KEY_BYTES = 6 + RUN_KEY_BYTES;
export const LIST_KEY_BYTES = 5 + RUN_KEY_BYTES;

/** Numbers of the statuses on disk. Never renumbered. */
export const STATUS_CODE: Readonly<Record<RunStatus, number>> = {
  running: 1,
  paused: 2,
  cancelling: 3,
  completed: 4,
  failed: 5,
  cancelled: 6,
  "timed-out": 7,
  terminated: 8,
};
export const LIVE_CODES: readonly number[] = [1, 2, 3];
export const END_CODES: readonly number[] = [4, 5, 6, 7, 8];

const LIVE_STATUSES: readonly LiveStatus[] = ["running", "paused", "cancelling"];
const END_STATUSES: readonly EndStatus[] = ["completed", "failed", "cancelled", "timed-out", "terminated"];

/** The live status with this number. */
export function liveStatus(code: number): LiveStatus {
  const status = LIVE_STATUSES[code - 1];
  if (status === undefined) throw new Error(`${code} is not the number of a live status`);
  return status;
}

/** The end status with this number. */
export function endStatus(code: number): EndStatus {
  const status = END_STATUSES[code - 4];
  if (status === undefined) throw new Error(`${code} is not the number of an end status`);
  return status;
}

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const RUN_ID_CHARS = 20;
const BAD_DIGIT = 0x80;
const DIGITS: Uint8Array = new Uint8Array(256).fill(BAD_DIGIT);
for (let i = 0; i < ALPHABET.length; i++) DIGITS[ALPHABET.charCodeAt(i)] = i;
const PAIRS: readonly string[] = Array.from(
  { length: 1024 },
  (_, i) => ALPHABET.charAt(i >> 5) + ALPHABET.charAt(i & 31),
);

/** Writes a run ID as 13 bytes. Throws when the text is not a run ID. */
export function packRun(id: RunId, into: Uint8Array, at: number): void {
  if (id.length !== RUN_ID_CHARS) throw new Error(`"${id}" is not a run ID: it has not ${RUN_ID_CHARS} characters`);
  const a = twentyBits(id, 0);
  const b = twentyBits(id, 4);
  const c = twentyBits(id, 8);
  const d = twentyBits(id, 12);
  const e = twentyBits(id, 16);
  putForty(into, at, a, b);
  putForty(into, at + 5, c, d);
  into[at + 10] = e >> 12;
  into[at + 11] = e >> 4;
  into[at + 12] = e << 4;
}

/** Reads a run ID that {@link packRun} wrote. */
export function unpackRun(from: Uint8Array, at: number): RunId {
  return runId(
    fortyBits(from, at) +
      fortyBits(from, at + 5) +
      pair((byte(from, at + 10) << 2) | (byte(from, at + 11) >> 6)) +
      pair(((byte(from, at + 11) & 63) << 4) | (byte(from, at + 12) >> 4)),
  );
}

/** When a packed run was started, epoch ms: its ID's first 45 bits. */
export function startOfRun(key: Buffer): number {
  return Math.floor(key.readUIntBE(0, 6) / 8);
}

/** Writes a timer's key. */
export function packTimer(dueMs: number, id: RunId, into: Buffer): void {
  into.writeUIntBE(Math.min(Math.max(0, Math.ceil(dueMs)), 2 ** 48 - 1), 0, 6);
  packRun(id, into, 6);
}

/** Writes a list entry's key without its run. */
export function packListPrefix(scope: number, statusCode: number, into: Buffer): void {
  into.writeUInt32BE(scope, 0);
  into[4] = statusCode;
}

function twentyBits(id: string, at: number): number {
  const a = digit(id, at);
  const b = digit(id, at + 1);
  const c = digit(id, at + 2);
  const d = digit(id, at + 3);
  if (((a | b | c | d) & BAD_DIGIT) !== 0)
    throw new Error(`"${id}" is not a run ID: it has a character outside of base32`);
  return (a << 15) | (b << 10) | (c << 5) | d;
}

function digit(id: string, at: number): number {
  return DIGITS[id.charCodeAt(at)] ?? BAD_DIGIT;
}

function putForty(into: Uint8Array, at: number, high: number, low: number): void {
  into[at] = high >> 12;
  into[at + 1] = high >> 4;
  into[at + 2] = ((high & 15) << 4) | (low >> 16);
  into[at + 3] = low >> 8;
  into[at + 4] = low;
}

function fortyBits(from: Uint8Array, at: number): string {
  const high = (byte(from, at) << 12) | (byte(from, at + 1) << 4) | (byte(from, at + 2) >> 4);
  const low = ((byte(from, at + 2) & 15) << 16) | (byte(from, at + 3) << 8) | byte(from, at + 4);
  return pair(high >> 10) + pair(high & 1023) + pair(low >> 10) + pair(low & 1023);
}

function pair(bits: number): string {
  return PAIRS[bits] ?? "";
}

function byte(from: Uint8Array, at: number): number {
  return from[at] ?? 0;
}
