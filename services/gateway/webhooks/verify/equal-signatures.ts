import { timingSafeEqual } from "node:crypto";

/** Compares in constant time; lengths are no secret. */
export function equalSignatures(given: Uint8Array, wanted: Uint8Array): boolean {
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
