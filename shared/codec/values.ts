// The layer under all encodings: a flat list of values in msgpack. Positions in the list are fixed by a table a version
// (events-v1.ts, run-state-v1.ts), so nothing of an object's keys is stored and no table grows.
import type { Failure, RunFailure } from "@millrace/model/failure.ts";
import type { BlobRef, Json, Payload, StepInput } from "@millrace/model/payload.ts";
import { json } from "@millrace/model/payload.ts";
import { Packr, Unpackr } from "msgpackr";

/** What a list may hold. Rare parts (failures, blob references) are lists of their own. */
export type Value = string | number | boolean | null | readonly Value[];

/**
 * How much of a long list is tried for its first values, and how fast that grows: msgpackr reads texts ahead as far as it
 * may. What is shorter is decoded whole.
 */
const HEAD_BYTES = 4096;
const HEAD_GROWTH = 8;

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

/** Encoded bytes, in a buffer of their own. The same list always gives the same bytes. */
export function packValues(values: readonly Value[]): Buffer {
  return packr.pack(values);
}

/** Bytes that do not decode to what was expected: the store or journal is damaged, or written by a newer version. */
export class CodecError extends Error {
  override readonly name = "CodecError";
}

/** Reads a list of values one by one, checking each one's type. */
export class ValueReader {
  readonly #values: readonly unknown[];
  #next = 0;

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  static of(bytes: Uint8Array): ValueReader {
    const values = unpacked((): unknown => unpackr.unpack(bytes));
    if (!Array.isArray(values)) throw new CodecError("The bytes hold no list.");
    return new ValueReader(values);
  }

  /** A reader of the first `count` values of a list, for the price of these. */
  static head(bytes: Uint8Array, count: number): ValueReader {
    for (let length = HEAD_BYTES; length < bytes.length; length *= HEAD_GROWTH) {
      const values = firstValues(bytes.subarray(0, length), count);
      if (values !== undefined) return new ValueReader(values);
    }
    return ValueReader.of(bytes);
  }

  /** Readers of all lists in the bytes, one behind the other. */
  static all(bytes: Uint8Array): ValueReader[] {
    if (bytes.length === 0) return [];
    const lists = unpacked((): unknown => unpackr.unpackMultiple(bytes));
    if (!Array.isArray(lists)) throw new CodecError("The bytes hold no lists.");
    return lists.map((values: unknown) => {
      if (!Array.isArray(values)) throw new CodecError("The bytes hold something other than lists.");
      return new ValueReader(values);
    });
  }

  get done(): boolean {
    return this.#next >= this.#values.length;
  }

  string(): string {
    const value = this.#values[this.#next++];
    if (typeof value !== "string") throw this.#wrong("a string", value);
    return value;
  }

  number(): number {
    const value = this.#values[this.#next++];
    if (typeof value !== "number") throw this.#wrong("a number", value);
    return value;
  }

  boolean(): boolean {
    const value = this.#values[this.#next++];
    if (typeof value !== "boolean") throw this.#wrong("true or false", value);
    return value;
  }

  /** Whether the next value is null; a null is read, anything else is left. */
  isNull(): boolean {
    if (this.#values[this.#next] !== null) return false;
    this.#next++;
    return true;
  }

  list(): ValueReader {
    const value = this.#values[this.#next++];
    if (!Array.isArray(value)) throw this.#wrong("a list", value);
    return new ValueReader(value);
  }

  input(): StepInput {
    const value = this.#values[this.#next];
    if (typeof value === "number") {
      this.#next++;
      return value;
    }
    return this.payload();
  }

  payload(): Payload {
    const value = this.#values[this.#next++];
    if (typeof value === "string") return json(value);
    if (!Array.isArray(value)) throw this.#wrong("a payload", value);
    const parts = new ValueReader(value);
    return { sha256: parts.string(), bytes: parts.number() };
  }

  failure(): Failure {
    const parts = this.list();
    return {
      code: parts.string(),
      class: failureClass(parts.string()),
      message: parts.string(),
      guidance: parts.string(),
      retryAfterMs: parts.number(),
    };
  }

  runFailure(): RunFailure | null {
    if (this.isNull()) return null;
    const parts = this.list();
    return { step: parts.number(), item: parts.number(), failure: parts.failure() };
  }

  nullablePayload(): Payload | null {
    return this.isNull() ? null : this.payload();
  }

  nullableInput(): StepInput | null {
    return this.isNull() ? null : this.input();
  }

  texts(): Json[] {
    const parts = this.list();
    const texts: Json[] = [];
    while (!parts.done) texts.push(json(parts.string()));
    return texts;
  }

  #wrong(wanted: string, value: unknown): CodecError {
    return new CodecError(`Value ${this.#next - 1} is ${typeof value}, not ${wanted}.`);
  }
}

/** The first values of a list that may be cut off behind them; undefined = it is cut off before. */
function firstValues(bytes: Uint8Array, count: number): unknown[] | undefined {
  const values: unknown[] = [];
  try {
    // A list is its length and its values one behind the other, so behind the length they can be read one by one.
    unpackr.unpackMultiple(bytes.subarray(lengthBytes(bytes)), (value: unknown) => values.push(value) < count);
  } catch {
    return undefined;
  }
  return values.length < count ? undefined : values;
}

/** How many bytes say how long a list is. */
function lengthBytes(bytes: Uint8Array): number {
  switch (bytes[0]) {
    case 0xdc:
      return 3;
    case 0xdd:
      return 5;
    default:
      return 1;
  }
}

/** Whatever msgpackr finds wrong with bytes means the same to us. */
function unpacked(unpack: () => unknown): unknown {
  try {
    return unpack();
  } catch (error: unknown) {
    throw new CodecError(`The bytes are no MessagePack: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

export function payloadValue(payload: Payload): Value {
  return typeof payload === "string" ? payload : blobValue(payload);
}

export function inputValue(input: StepInput): Value {
  return typeof input === "number" ? input : payloadValue(input);
}

export function nullableInputValue(input: StepInput | null): Value {
  return input === null ? null : inputValue(input);
}

export function nullablePayloadValue(payload: Payload | null): Value {
  return payload === null ? null : payloadValue(payload);
}

export function failureValue(failure: Failure): Value {
  return [failure.code, failure.class, failure.message, failure.guidance, failure.retryAfterMs];
}

export function runFailureValue(failure: RunFailure | null): Value {
  return failure === null ? null : [failure.step, failure.item, failureValue(failure.failure)];
}

function blobValue(ref: BlobRef): Value {
  return [ref.sha256, ref.bytes];
}

function failureClass(text: string): Failure["class"] {
  if (text === "transient" || text === "permanent" || text === "uncertain") return text;
  throw new CodecError(`There is no failure class ${text}.`);
}
