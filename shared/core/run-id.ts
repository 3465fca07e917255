// Run IDs: 20 characters of lower-case Crockford base32. They sort by start time and carry the run's slot for ever.
//
//   0 1 2 3 4 5 6 7 8 │ 9 10 11 │ 12 … 19
//   start time, ms    │ slot    │ random, 40 bits
import { type RunId, runId, SLOT_COUNT, type Slot, slot, type TenantId } from "@millrace/model/ids.ts";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const TIME_CHARS = 9;
const SLOT_CHARS = 3;
const RANDOM_CHARS = 8;
/** Length of every run ID. */
export const RUN_ID_CHARS = TIME_CHARS + SLOT_CHARS + RANDOM_CHARS;
const PATTERN = /^[0-9a-hjkmnp-tv-z]{20}$/;

const PAIRS: readonly string[] = Array.from({ length: 1024 }, (_, i) => digit(i >> 5) + digit(i & 31));
const VALUES: Int8Array = new Int8Array(128).fill(-1);
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

let cachedMs = -1;
let cachedTime = "";

/** A new ID. `randomA` and `randomB` are 32 random bits each; 40 are used. */
export function mintRunId(nowMs: number, at: Slot, randomA: number, randomB: number): RunId {
  if (nowMs !== cachedMs) {
    cachedTime = encode(nowMs, TIME_CHARS);
    cachedMs = nowMs;
  }
  const low = randomA >>> 0;
  const high = randomB >>> 0;
  return runId(cachedTime + digit(at >> 10) + pair(at) + pair(low) + pair(low >>> 10) + pair(high) + pair(high >>> 10));
}

/** The smallest ID of any run started at or after `startedMs`: a bound for ranges of IDs. */
export function firstRunIdAt(startedMs: number): RunId {
  return runId(encode(Math.max(0, Math.ceil(startedMs)), TIME_CHARS) + "0".repeat(SLOT_CHARS + RANDOM_CHARS));
}

/** Whether text has the form of a run ID. */
export function isRunId(text: string): boolean {
  return PATTERN.test(text);
}

/** The slot a run belongs to. */
export function slotOfRun(id: RunId): Slot {
  return slot((value(id, 9) << 10) | (value(id, 10) << 5) | value(id, 11));
}

/** When the run was started, epoch ms, by the clock of the gateway that took it in. */
export function startOfRun(id: RunId): number {
  let ms = 0;
  for (let i = 0; i < TIME_CHARS; i++) ms = ms * 32 + value(id, i);
  return ms;
}

/** The slot an idempotency key decides: FNV-1a over tenant and key, mixed by MurmurHash3's finaliser. */
export function slotOfKey(tenant: TenantId, key: string): Slot {
  let hash = fnv(0x811c9dc5, tenant);
  hash = fnv(Math.imul(hash ^ 0xff, 0x01000193), key);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return slot((hash >>> 0) % SLOT_COUNT);
}

function fnv(seed: number, text: string): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

function encode(number: number, chars: number): string {
  let text = "";
  let rest = number;
  for (let i = 0; i < chars; i++) {
    text = digit(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function digit(index: number): string {
  return ALPHABET.charAt(index);
}

function pair(bits: number): string {
  return PAIRS[bits & 1023] ?? "";
}

function value(id: string, index: number): number {
  return VALUES[id.charCodeAt(index)] ?? -1;
}
