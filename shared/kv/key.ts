// What keys and values may be, and which keys a watch is on.
import { KV_KEY_CHARACTERS_MAX, KV_VALUE_BYTES_MAX } from "./kv.ts";

const KEY = /^[\w-]+(?:\.[\w-]+)*$/;

/** Throws RangeError unless it is a key. */
export function checkKey(key: string): void {
  if (key.length <= KV_KEY_CHARACTERS_MAX && KEY.test(key)) return;
  throw new RangeError(
    `${JSON.stringify(key)} is no key: use tokens of A-Z, a-z, 0-9, _ and - joined by dots, at most ${KV_KEY_CHARACTERS_MAX} characters.`,
  );
}

/** Throws RangeError unless it is the revision of something to delete. */
export function checkRevision(key: string, expected: number): void {
  if (Number.isSafeInteger(expected) && expected > 0) return;
  throw new RangeError(
    `${key} cannot be deleted at revision ${expected}: give that of the value last seen, 1 or more.`,
  );
}

/** Throws RangeError unless it can be put. */
export function checkValue(key: string, value: Uint8Array): void {
  if (value.length <= KV_VALUE_BYTES_MAX) return;
  throw new RangeError(`The value of ${key} has ${value.length} bytes, but at most ${KV_VALUE_BYTES_MAX} are kept.`);
}

/** Whether a watch on `prefix` is on the key, too. */
export function isBelow(prefix: string, key: string): boolean {
  return prefix === "" || key === prefix || (key.startsWith(prefix) && key.charAt(prefix.length) === ".");
}
