import type { ParsePayload } from "../parse-payload.ts";

/** A JSON value as a payload's bytes; `undefined` is null, which is no bytes. Throws TypeError for what is not JSON. */
export function encodePayload(value: unknown): Buffer {
  if (value === undefined) return Buffer.alloc(0);
  // Typed as a string, but a function or a symbol gives undefined.
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`A payload must be a JSON value, not a ${typeof value}.`);
  return Buffer.from(text);
}

/** A payload's value; no bytes are `undefined`. */
export function decodePayload(bytes: Buffer, parse: ParsePayload): unknown {
  return bytes.length === 0 ? undefined : parse(bytes.toString());
}
