// Reading fields and elements of values, and what to say when they are not there.
import { type Fault, failed, wrongType } from "./fault.ts";
import { fieldOf, isList, isMap, kindOf, NONE, Optional, type Value } from "./value.ts";

/** `receiver.name`, or an optional of it when the receiver is one. `source` is the receiver as written. */
export function field(receiver: Value, name: string, source: string): Value {
  if (receiver instanceof Optional) return optionalElement(receiver, name);
  if (!isMap(receiver)) throw noField(receiver, name, source);
  const value = fieldOf(receiver, name);
  if (value === undefined) throw noField(receiver, name, source);
  return value;
}

/** `receiver[key]`. */
export function element(receiver: Value, key: Value, source: string): Value {
  if (receiver instanceof Optional) return optionalElement(receiver, key);
  if (isList(receiver)) {
    const at = listIndex(key);
    if (at === undefined)
      throw wrongType(`\`${source}\` is a list; its index must be a whole number, not ${kindOf(key)}`);
    const value = receiver[at];
    if (value !== undefined) return value;
    throw failed(
      `\`${source}\` has ${receiver.length} elements and no index ${at}`,
      "Check size() first, or write [?i].",
    );
  }
  if (typeof key !== "string")
    throw wrongType(`\`${source}\` is ${kindOf(receiver)}, which has no ${kindOf(key)} index`);
  return field(receiver, key, source);
}

/** `receiver.?key` and `receiver[?key]`: an optional, empty when there is no such thing. */
export function optionalElement(receiver: Value, key: Value): Optional {
  const value = receiver instanceof Optional ? receiver.value : receiver;
  if (value === undefined) return NONE;
  if (isList(value)) {
    const at = listIndex(key);
    const found = at === undefined ? undefined : value[at];
    return found === undefined ? NONE : new Optional(found);
  }
  if (!isMap(value) || typeof key !== "string") return NONE;
  const found = fieldOf(value, key);
  return found === undefined ? NONE : new Optional(found);
}

/** `has(receiver.name)`; false for null, which has no fields. */
export function hasField(receiver: Value, name: string, source: string): boolean {
  const value = receiver instanceof Optional ? (receiver.value ?? null) : receiver;
  if (value === null) return false;
  if (isMap(value)) return fieldOf(value, name) !== undefined;
  throw wrongType(`has() looks into maps, and \`${source}\` is ${kindOf(value)}`);
}

function listIndex(key: Value): number | undefined {
  if (typeof key === "bigint") return Number(key);
  return typeof key === "number" && Number.isInteger(key) ? key : undefined;
}

/** As many field names as a message bears, and as much of each. */
const NAMED_FIELDS_MAX = 10;
const FIELD_CHARACTERS_MAX = 40;

function noField(receiver: Value, name: string, source: string): Fault {
  const guidance = "Guard it with has(…), or write `.?field.orValue(…)` with a default.";
  if (!isMap(receiver)) return failed(`\`${source}\` is ${kindOf(receiver)} and has no field \`${name}\``, guidance);
  const names = Object.keys(receiver).slice(0, NAMED_FIELDS_MAX);
  const known = names.map((key) => key.slice(0, FIELD_CHARACTERS_MAX)).join(", ");
  return failed(`\`${source}\` has no field \`${name}\`; it has ${known === "" ? "none" : known}`, guidance);
}
