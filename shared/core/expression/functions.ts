// The functions of expressions, by name and number of arguments; a method's first argument is its receiver. Each checks
// its arguments' types and charges for work that grows with them.
import { INLINE_PAYLOAD_BYTES_MAX } from "@millrace/model/payload.ts";
import { arithmetic, int } from "./arithmetic.ts";
import { parseDuration } from "./duration.ts";
import { type Fault, failed, wrongType } from "./fault.ts";
import type { Call } from "./frame.ts";
import { interpolated, JsonWriter, readJson } from "./json-value.ts";
import type { Meter } from "./meter.ts";
import { TEXT_METHODS } from "./text-functions.ts";
import { parseTimestamp, type TimestampPart, timestampAt, timestampPart } from "./time.ts";
import { Duration, isList, isMap, kindOf, Optional, Timestamp, type Value } from "./value.ts";

/** An argument that the number of arguments promises. */
function argument(args: readonly Value[], at: number): Value {
  return args[at] ?? null;
}

function refused(name: string, value: Value): Fault {
  return wrongType(`${name} does not take ${kindOf(value)}`);
}

/** `name/arguments`. */
export const FUNCTIONS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ["size/1", size],
  ["dyn/1", (args) => argument(args, 0)],
  ["string/1", toText],
  ["int/1", toInt],
  ["double/1", toDouble],
  ["bool/1", toBool],
  ["timestamp/1", toTimestamp],
  ["duration/1", toDuration],
  ["toJson/1", toJson],
  ["fromJson/1", fromJson],
  ["urlEncode/1", urlEncode],
]);

/** `math.name/arguments`. */
export const MATH_FUNCTIONS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ["round/1", (args) => onNumber("math.round", args, (value) => Math.sign(value) * Math.round(Math.abs(value)))],
  ["floor/1", (args) => onNumber("math.floor", args, Math.floor)],
  ["ceil/1", (args) => onNumber("math.ceil", args, Math.ceil)],
  ["abs/1", abs],
]);

/** `receiver.name/arguments`, the receiver counted. */
export const METHODS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ...TEXT_METHODS,
  ["size/1", size],
  ["sum/1", sum],
  ["flatten/1", flatten],
  ["hasValue/1", (args) => optional("hasValue", args).value !== undefined],
  ["value/1", optionalValue],
  timePart("getFullYear", "year"),
  timePart("getMonth", "month"),
  timePart("getDate", "date"),
  timePart("getDayOfMonth", "dayOfMonth"),
  timePart("getDayOfWeek", "dayOfWeek"),
  timePart("getDayOfYear", "dayOfYear"),
  timePart("getHours", "hours", 3_600_000),
  timePart("getMinutes", "minutes", 60_000),
  timePart("getSeconds", "seconds", 1000),
  timePart("getMilliseconds", "milliseconds", 1),
]);

function size(args: readonly Value[], meter: Meter): Value {
  const value = argument(args, 0);
  if (isList(value)) return BigInt(value.length);
  if (typeof value === "string") {
    // Walking code points costs about four times what copying does.
    meter.chargeCharacters(value.length * 4);
    let count = 0n;
    for (const _ of value) count++;
    return count;
  }
  if (!isMap(value)) throw refused("size()", value);
  const count = Object.keys(value).length;
  meter.charge(count);
  return BigInt(count);
}

function toText(args: readonly Value[], meter: Meter): Value {
  const value = argument(args, 0);
  if (value === null || isList(value) || isMap(value)) {
    throw wrongType(`string() does not take ${kindOf(value)}`, "Write toJson(…) for its JSON text.");
  }
  return interpolated(value, INLINE_PAYLOAD_BYTES_MAX, meter);
}

function toInt(args: readonly Value[]): Value {
  const value = argument(args, 0);
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isFinite(value)) return int(BigInt(Math.trunc(value)));
  if (typeof value === "string" && /^[+-]?\d{1,19}$/.test(value)) return int(BigInt(value.replace(/^\+/, "")));
  if (value instanceof Timestamp) return BigInt(Math.floor(value.ms / 1000));
  if (typeof value === "string" || typeof value === "number") throw failed(`int() cannot read ${excerpt(value)}`);
  throw refused("int()", value);
}

function toDouble(args: readonly Value[]): Value {
  const value = argument(args, 0);
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  if (typeof value !== "string") throw refused("double()", value);
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value)) return Number(value);
  throw failed(`double() cannot read ${excerpt(value)}`);
}

function toBool(args: readonly Value[]): Value {
  const value = argument(args, 0);
  if (typeof value === "boolean") return value;
  if (typeof value !== "string") throw refused("bool()", value);
  if (["true", "True", "TRUE", "t", "1"].includes(value)) return true;
  if (["false", "False", "FALSE", "f", "0"].includes(value)) return false;
  throw failed(`bool() cannot read ${excerpt(value)}`);
}

function toTimestamp(args: readonly Value[]): Value {
  const value = argument(args, 0);
  if (value instanceof Timestamp) return value;
  if (typeof value === "number" || typeof value === "bigint") return timestampAt(Number(value) * 1000);
  if (typeof value !== "string") throw refused("timestamp()", value);
  const timestamp = parseTimestamp(value);
  if (timestamp !== undefined) return timestamp;
  throw failed(`timestamp() cannot read ${excerpt(value)}`, "Write RFC 3339 with an offset: 2026-01-31T08:00:00Z.");
}

function toDuration(args: readonly Value[]): Value {
  const value = argument(args, 0);
  if (value instanceof Duration) return value;
  if (typeof value !== "string") throw refused("duration()", value);
  const ms = parseDuration(value);
  if (ms !== undefined) return new Duration(ms);
  throw failed(`duration() cannot read ${excerpt(value)}`, "Write a number and a unit: 500ms, 30s, 5m, 24h, 30d.");
}

function toJson(args: readonly Value[], meter: Meter): Value {
  const writer = new JsonWriter(INLINE_PAYLOAD_BYTES_MAX, meter);
  writer.value(argument(args, 0));
  const text = writer.end();
  meter.chargeCharacters(text.length * 4);
  return text;
}

function fromJson(args: readonly Value[], meter: Meter): Value {
  const text = argument(args, 0);
  if (typeof text !== "string") throw refused("fromJson()", text);
  meter.chargeCharacters(text.length * 4);
  return readJson(text, "the text given to fromJson()");
}

function urlEncode(args: readonly Value[], meter: Meter): Value {
  const text = argument(args, 0);
  if (typeof text !== "string") throw refused("urlEncode()", text);
  meter.chargeCharacters(text.length * 4);
  return encodeURIComponent(text.toWellFormed());
}

function onNumber(name: string, args: readonly Value[], round: (value: number) => number): Value {
  const value = argument(args, 0);
  if (typeof value === "bigint" || typeof value === "number") return round(Number(value));
  throw refused(`${name}()`, value);
}

function abs(args: readonly Value[]): Value {
  const value = argument(args, 0);
  if (typeof value === "bigint") return int(value < 0n ? -value : value);
  return onNumber("math.abs", args, Math.abs);
}

function sum(args: readonly Value[], meter: Meter): Value {
  const list = argument(args, 0);
  if (!isList(list)) throw refused("sum()", list);
  meter.charge(list.length);
  let total: Value = 0n;
  for (const value of list) {
    if (typeof value !== "number" && typeof value !== "bigint") {
      throw wrongType(`sum() adds numbers, and the list holds ${kindOf(value)}`, "Select the number: .map(x, x.price)");
    }
    total = arithmetic("+", total, value, meter);
  }
  return total;
}

function flatten(args: readonly Value[], meter: Meter): Value {
  const list = argument(args, 0);
  if (!isList(list)) throw refused("flatten()", list);
  const flat: Value[] = [];
  for (const value of list) {
    meter.charge(isList(value) ? value.length + 1 : 1);
    if (!isList(value)) flat.push(value);
    else for (const inner of value) flat.push(inner);
  }
  return flat;
}

function optional(name: string, args: readonly Value[]): Optional {
  const value = argument(args, 0);
  if (value instanceof Optional) return value;
  throw wrongType(`${name}() is for optionals, not ${kindOf(value)}`, "An optional comes from `.?field` or `[?key]`.");
}

function optionalValue(args: readonly Value[]): Value {
  const { value } = optional("value", args);
  if (value !== undefined) return value;
  throw failed("value() of an optional that is empty", "Write orValue(…) with a default.");
}

/** A getter of timestamps and, with the unit's length, of durations: their whole number of that unit. */
function timePart(name: string, part: TimestampPart, unitMs?: number): [string, Call] {
  return [
    `${name}/1`,
    (args) => {
      const value = argument(args, 0);
      if (value instanceof Timestamp) return BigInt(timestampPart(value, part));
      if (value instanceof Duration && unitMs !== undefined) return BigInt(Math.trunc(value.ms / unitMs));
      throw refused(`${name}()`, value);
    },
  ];
}

/** A value as failures quote it. */
function excerpt(value: string | number): string {
  const text = String(value);
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
