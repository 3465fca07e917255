// What CEL expressions compute with. JSON numbers are doubles, as CEL says of JSON; integers written in an expression,
// sizes and indexes are 64-bit ints. A JSON integer that a double cannot hold exactly is an int, so IDs survive.

/** Seconds and minutes have no calendar; a length of time is one number. */
export class Duration {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
}

/** A point in time, epoch ms, years 0001 to 9999. */
export class Timestamp {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
}

/** CEL's optional: what `.?field` gives. `undefined` = none. */
export class Optional {
  readonly value: Value | undefined;
  constructor(value: Value | undefined) {
    this.value = value;
  }
}

/** The optional without a value. */
export const NONE = new Optional(undefined);

interface ValueMap {
  readonly [key: string]: Value;
}

/** A value never changes once made: it may be shared between expressions. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Timestamp
  | Duration
  | Optional
  | readonly Value[]
  | ValueMap;

/** CEL's name of a value's type. */
type Kind = "null" | "bool" | "double" | "int" | "string" | "list" | "map" | "timestamp" | "duration" | "optional";

export function kindOf(value: Value): Kind {
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "number":
      return "double";
    case "bigint":
      return "int";
    case "string":
      return "string";
    default:
      if (value === null) return "null";
      if (isList(value)) return "list";
      if (value instanceof Timestamp) return "timestamp";
      if (value instanceof Duration) return "duration";
      return value instanceof Optional ? "optional" : "map";
  }
}

/** A map to fill. It inherits nothing: in it even `__proto__` is a plain field. */
export function emptyMap(): Record<string, Value> {
  // oxlint-disable-next-line typescript/no-unsafe-return -- the library's type for an object without prototype is any
  return Object.create(null);
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value): value is ValueMap {
  return kindOf(value) === "map";
}

/** A field of its own, never an inherited one: `constructor` and `__proto__` are fields only where JSON wrote them. */
export function fieldOf(map: ValueMap, key: string): Value | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}
