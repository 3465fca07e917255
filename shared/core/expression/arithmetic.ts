// CEL's operators on values. Ints and doubles mix: `int op int` is an int, anything else a double; the standard refuses
// to mix them, but JSON does not say which of the two it means.
import { failed, wrongType } from "./fault.ts";
import { VALUE_DEPTH_MAX } from "./json-value.ts";
import type { Meter } from "./meter.ts";
import { timestampAt } from "./time.ts";
import { Duration, fieldOf, isList, isMap, kindOf, Optional, Timestamp, type Value } from "./value.ts";

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%";
export type OrderOperator = "<" | "<=" | ">" | ">=";

const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;

/** An int in CEL's 64 bits. */
export function int(value: bigint): bigint {
  if (value < INT_MIN || value > INT_MAX) throw failed(`the integer ${value} does not fit 64 bits`);
  return value;
}

/** Adds, joins or moves in time, as the operands ask. */
export function arithmetic(operator: ArithmeticOperator, left: Value, right: Value, meter: Meter): Value {
  if (typeof left === "bigint" && typeof right === "bigint") return int(intArithmetic(operator, left, right));
  if (isNumber(left) && isNumber(right)) return doubleArithmetic(operator, Number(left), Number(right));
  const special = operator === "+" ? plus(left, right, meter) : operator === "-" ? minus(left, right) : undefined;
  if (special !== undefined) return special;
  const text = typeof left === "string" || typeof right === "string";
  throw wrongType(
    `${kindOf(left)} ${operator} ${kindOf(right)} has no meaning`,
    text ? "Convert with string(…), or write the text around a ${…} of its own." : "",
  );
}

function intArithmetic(operator: ArithmeticOperator, left: bigint, right: bigint): bigint {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      if (right === 0n) throw failed("division by zero");
      return left / right;
    case "%":
      if (right === 0n) throw failed("division by zero");
      return left % right;
  }
}

function doubleArithmetic(operator: ArithmeticOperator, left: number, right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    case "%":
      if (right === 0) throw failed("division by zero");
      return left % right;
  }
}

function plus(left: Value, right: Value, meter: Meter): Value | undefined {
  if (typeof left === "string" && typeof right === "string") {
    meter.chargeCharacters(left.length + right.length);
    return left + right;
  }
  if (isList(left) && isList(right)) {
    meter.charge(left.length + right.length);
    return [...left, ...right];
  }
  if (left instanceof Duration && right instanceof Duration) return new Duration(left.ms + right.ms);
  if (left instanceof Timestamp && right instanceof Duration) return timestampAt(left.ms + right.ms);
  if (left instanceof Duration && right instanceof Timestamp) return timestampAt(left.ms + right.ms);
  return undefined;
}

function minus(left: Value, right: Value): Value | undefined {
  if (left instanceof Duration && right instanceof Duration) return new Duration(left.ms - right.ms);
  if (left instanceof Timestamp && right instanceof Timestamp) return new Duration(left.ms - right.ms);
  if (left instanceof Timestamp && right instanceof Duration) return timestampAt(left.ms - right.ms);
  return undefined;
}

/** Numbers by value, strings by UTF-16 code units, false before true, times and durations. */
export function inOrder(operator: OrderOperator, left: Value, right: Value, meter: Meter): boolean {
  if (isNumber(left) && isNumber(right)) return ordered(operator, left, right);
  if (typeof left === "string" && typeof right === "string") {
    meter.chargeCharacters(Math.min(left.length, right.length));
    return ordered(operator, left, right);
  }
  if (typeof left === "boolean" && typeof right === "boolean") return ordered(operator, Number(left), Number(right));
  if (left instanceof Timestamp && right instanceof Timestamp) return ordered(operator, left.ms, right.ms);
  if (left instanceof Duration && right instanceof Duration) return ordered(operator, left.ms, right.ms);
  throw wrongType(`${kindOf(left)} ${operator} ${kindOf(right)} has no meaning`);
}

function ordered<Ordered extends number | bigint | string>(
  operator: OrderOperator,
  left: Ordered,
  right: Ordered,
): boolean {
  switch (operator) {
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
  }
}

/** Equality by value: 1 equals 1.0, values of different types differ. */
export function equal(left: Value, right: Value, meter: Meter, depth = 0): boolean {
  meter.charge(1);
  if (depth > VALUE_DEPTH_MAX)
    throw wrongType(`values nested deeper than ${VALUE_DEPTH_MAX} levels cannot be compared`);
  if (typeof left === "string" && typeof right === "string") {
    if (left.length !== right.length) return false;
    meter.chargeCharacters(left.length);
    return left === right;
  }
  if (isNumber(left) && isNumber(right)) return !(left < right) && !(left > right) && Number(left) === Number(right);
  if (left === right) return true;
  if (isList(left) && isList(right)) {
    return left.length === right.length && left.every((value, at) => equal(value, right[at] ?? null, meter, depth + 1));
  }
  if (left instanceof Timestamp && right instanceof Timestamp) return left.ms === right.ms;
  if (left instanceof Duration && right instanceof Duration) return left.ms === right.ms;
  if (left instanceof Optional && right instanceof Optional) {
    if (left.value === undefined || right.value === undefined) return left.value === right.value;
    return equal(left.value, right.value, meter, depth + 1);
  }
  if (!isMap(left) || !isMap(right)) return false;
  const keys = Object.keys(left);
  meter.charge(keys.length);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => {
    const other = fieldOf(right, key);
    return other !== undefined && equal(left[key] ?? null, other, meter, depth + 1);
  });
}

/** `x in list` by equality, `"key" in map` by field. */
export function contains(member: Value, collection: Value, meter: Meter): boolean {
  if (isList(collection)) return collection.some((value) => equal(member, value, meter));
  if (isMap(collection)) return typeof member === "string" && fieldOf(collection, member) !== undefined;
  throw wrongType(`in needs a list or a map on its right, not ${kindOf(collection)}`);
}

export function negative(value: Value): Value {
  if (typeof value === "bigint") return int(-value);
  if (typeof value === "number") return -value;
  if (value instanceof Duration) return new Duration(-value.ms);
  throw wrongType(`-${kindOf(value)} has no meaning`);
}

/** A condition's value. */
export function bool(value: Value, where: string): boolean {
  if (typeof value === "boolean") return value;
  throw wrongType(
    `${where} needs true or false, not ${kindOf(value)}`,
    "Compare the value, e.g. with `== true` or `!= null`.",
  );
}

function isNumber(value: Value): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}
