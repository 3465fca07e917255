// JSON texts in, JSON texts out.
import { type Json, json } from "@millrace/model/payload.ts";
import { mayHoldLargeIntegers, parseExactJson } from "./exact-json.ts";
import { Fault, failed, wrongType } from "./fault.ts";
import type { Meter } from "./meter.ts";
import { formatTimestamp } from "./time.ts";
import { Duration, isList, Optional, Timestamp, type Value } from "./value.ts";

/** The deepest nesting of a value that leaves an expression or is compared; each level is a call on the stack. */
export const VALUE_DEPTH_MAX = 500;

/** Parses a payload. `what` names it in the failure, should it not be JSON after all. */
export function readJson(text: string, what: string): Value {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- JSON has no values but these; `fieldOf` alone reads its maps
    const value = JSON.parse(text) as Value;
    return mayHoldLargeIntegers(text) ? parseExactJson(text) : value;
  } catch (error: unknown) {
    if (error instanceof SyntaxError) throw failed(`${what} is not JSON`);
    throw error;
  }
}

/** How many UTF-8 bytes a text has. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    // A surrogate pair is two units and four bytes; each half counts as two.
    bytes += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/** Writes one JSON text, up to a bound. */
export class JsonWriter {
  readonly #bytesMax: number;
  readonly #meter: Meter;
  #text = "";

  constructor(bytesMax: number, meter: Meter) {
    this.#bytesMax = bytesMax;
    this.#meter = meter;
  }

  /** Appends text that is JSON or a part of it. */
  append(text: string): void {
    this.#text += text;
    // Characters are never more than bytes, and cheap to count: the exact check comes at the end.
    if (this.#text.length > this.#bytesMax) throw tooLarge(this.#bytesMax);
  }

  value(value: Value, depth = 0): void {
    if (depth > VALUE_DEPTH_MAX) throw tooDeep();
    this.#meter.charge(1);
    if (isList(value)) this.#list(value, depth);
    else if (typeof value !== "object" || value === null) this.append(scalarJson(value));
    else if (value instanceof Timestamp) this.append(`"${formatTimestamp(value)}"`);
    else if (value instanceof Duration) this.append(`"${value.ms / 1000}s"`);
    else if (value instanceof Optional) this.value(value.value ?? null, depth + 1);
    else this.#map(value, depth);
  }

  /** The finished text. */
  end(): Json {
    if (this.#text.length * 3 > this.#bytesMax && utf8Bytes(this.#text) > this.#bytesMax)
      throw tooLarge(this.#bytesMax);
    return json(this.#text);
  }

  #list(list: readonly Value[], depth: number): void {
    this.append("[");
    for (let at = 0; at < list.length; at++) {
      if (at > 0) this.append(",");
      this.value(list[at] ?? null, depth + 1);
    }
    this.append("]");
  }

  #map(map: { readonly [key: string]: Value }, depth: number): void {
    this.append("{");
    let first = true;
    for (const key of Object.keys(map)) {
      this.append(`${first ? "" : ","}${JSON.stringify(key)}:`);
      this.value(map[key] ?? null, depth + 1);
      first = false;
    }
    this.append("}");
  }
}

function scalarJson(value: null | boolean | number | bigint | string): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw failed(`its result holds ${value}, which JSON cannot hold`);
      return JSON.stringify(value);
    default:
      return String(value);
  }
}

/** A value's text inside a longer string: strings as they are, everything else as JSON. */
export function interpolated(value: Value, bytesMax: number, meter: Meter): string {
  if (typeof value === "string") return value;
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof Duration) return `${value.ms / 1000}s`;
  if (value instanceof Optional) return interpolated(value.value ?? null, bytesMax, meter);
  const writer = new JsonWriter(bytesMax, meter);
  writer.value(value);
  return writer.end();
}

function tooLarge(bytesMax: number): Fault {
  return new Fault(
    "EXPRESSION_TOO_LARGE",
    `its result is larger than ${bytesMax} bytes of JSON`,
    "Select the fields that are needed, or pass a whole output on with a lone `${steps.<name>.output}`.",
  );
}

function tooDeep(): Fault {
  return wrongType(`a value is nested deeper than ${VALUE_DEPTH_MAX} levels`);
}
