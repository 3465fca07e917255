// Methods of strings. Positions and sizes count characters (code points), as CEL says.
import { failed, wrongType } from "./fault.ts";
import type { Call } from "./frame.ts";
import type { Meter } from "./meter.ts";
import { isList, kindOf, type Value } from "./value.ts";

/** `receiver.name/arguments`, the receiver counted. `matches` is compiled (compile-node.ts). */
export const TEXT_METHODS: readonly (readonly [string, Call])[] = [
  ["contains/2", onTexts("contains", (text, part) => text.includes(part))],
  ["startsWith/2", onTexts("startsWith", (text, part) => text.startsWith(part))],
  ["endsWith/2", onTexts("endsWith", (text, part) => text.endsWith(part))],
  ["lowerAscii/1", onText("lowerAscii", (text) => text.replace(/[A-Z]+/g, (part) => part.toLowerCase()))],
  ["upperAscii/1", onText("upperAscii", (text) => text.replace(/[a-z]+/g, (part) => part.toUpperCase()))],
  ["trim/1", onText("trim", (text) => text.trim())],
  ["indexOf/2", onTexts("indexOf", (text, part) => characterIndex(text, text.indexOf(part)))],
  ["lastIndexOf/2", onTexts("lastIndexOf", (text, part) => characterIndex(text, text.lastIndexOf(part)))],
  ["substring/2", substring],
  ["substring/3", substring],
  ["replace/3", replace],
  ["split/2", split],
  ["split/3", split],
  ["join/1", join],
  ["join/2", join],
];

function textOf(name: string, args: readonly Value[], at: number): string {
  const value = args[at] ?? null;
  if (typeof value === "string") return value;
  throw wrongType(`${name}() needs a string, not ${kindOf(value)}`, "Convert with string(…).");
}

function onText(name: string, apply: (text: string) => Value): Call {
  return (args, meter) => {
    const text = textOf(name, args, 0);
    meter.chargeCharacters(text.length * 2);
    return apply(text);
  };
}

function onTexts(name: string, apply: (text: string, part: string) => Value): Call {
  return (args, meter) => {
    const text = textOf(name, args, 0);
    const part = textOf(name, args, 1);
    meter.chargeSearch(text, part);
    return apply(text, part);
  };
}

/** The position in characters of a position in code units; -1 stays -1. */
function characterIndex(text: string, unitIndex: number): bigint {
  if (unitIndex <= 0) return BigInt(unitIndex);
  let index = 0n;
  for (const _ of text.slice(0, unitIndex)) index++;
  return index;
}

function substring(args: readonly Value[], meter: Meter): Value {
  const text = textOf("substring", args, 0);
  meter.chargeCharacters(text.length * 4);
  const characters = /[\ud800-\udfff]/.test(text) ? Array.from(text) : undefined;
  const length = characters?.length ?? text.length;
  const from = positionOf("substring", args, 1, length);
  const to = args.length > 2 ? positionOf("substring", args, 2, length) : length;
  if (from > to) throw failed(`substring(${from}, ${to}) ends before it begins`);
  return characters?.slice(from, to).join("") ?? text.slice(from, to);
}

function positionOf(name: string, args: readonly Value[], at: number, max: number): number {
  const position = Number(wholeNumber(name, args, at));
  if (position >= 0 && position <= max) return position;
  throw failed(`${name}() has no position ${position} in a string of ${max} characters`);
}

function wholeNumber(name: string, args: readonly Value[], at: number): bigint {
  const value = args[at] ?? null;
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
  throw wrongType(`${name}() needs a whole number, not ${kindOf(value)}`);
}

function replace(args: readonly Value[], meter: Meter): Value {
  const text = textOf("replace", args, 0);
  const from = textOf("replace", args, 1);
  const to = textOf("replace", args, 2);
  if (from === "") throw failed("replace() needs something to look for");
  meter.chargeSearch(text, from);
  const parts = text.split(from);
  // Charged before it is made: many matches of a short text by a long one multiply.
  meter.chargeCharacters(parts.length + text.length + (parts.length - 1) * Math.max(0, to.length - from.length));
  return parts.join(to);
}

function split(args: readonly Value[], meter: Meter): Value {
  const text = textOf("split", args, 0);
  const separator = textOf("split", args, 1);
  const limit = args.length > 2 ? Number(wholeNumber("split", args, 2)) : -1;
  meter.chargeSearch(text, separator);
  const parts = separator === "" ? Array.from(text) : text.split(separator);
  meter.charge(parts.length);
  if (limit === 0) return [];
  if (limit < 0 || parts.length <= limit) return parts;
  return [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(separator)];
}

function join(args: readonly Value[], meter: Meter): Value {
  const list = args[0] ?? null;
  if (!isList(list)) throw wrongType(`join() needs a list, not ${kindOf(list)}`);
  const separator = args.length > 1 ? textOf("join", args, 1) : "";
  meter.charge(list.length);
  let characters = separator.length * list.length;
  const texts = list.map((value) => {
    if (typeof value !== "string") {
      throw wrongType(`join() needs a list of strings, and it holds ${kindOf(value)}`, "Convert: .map(x, string(x))");
    }
    characters += value.length;
    return value;
  });
  meter.chargeCharacters(characters);
  return texts.join(separator);
}
