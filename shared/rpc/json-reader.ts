import { refusal } from "@millrace/errors/refusal.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import { distance } from "fastest-levenshtein";
import { MESSAGES } from "./generated/millrace/v1/json-types.ts";
import type { JsonCursor } from "./json-cursor.ts";
import { enumOf, type FieldType, type MessageName } from "./json-type.ts";

/** Ends the reading; `fromJson` turns it into a value. */
export class Mistake extends Error {
  readonly refusal: Refusal;

  constructor(field: string, message: string, fix: string) {
    super(message);
    this.refusal = refusal("INVALID_ARGUMENT", { field, message, fix });
  }
}

type Fields = Record<string, unknown>;

const NO_BYTES = Buffer.alloc(0);

/** Reads the message the cursor stands on. Throws a {@link Mistake} whose field begins with `path`. */
export function readMessage(cursor: JsonCursor, name: MessageName, path: string): Fields {
  expectKind(cursor, "object", path);
  const type = MESSAGES[name];
  const message: Fields = {};
  for (const field of type) message[field.oneof === "" ? field.name : field.oneof] = emptyValue(field);
  const seen = new Map<string, string>();
  cursor.members((key) => {
    const field = type.find((candidate) => candidate.name === key || candidate.protoName === key);
    const fieldPath = path === "" ? key : `${path}.${key}`;
    if (field === undefined) throw unknownField(fieldPath, key, name);
    if (cursor.kind() === "null" && field.kind !== "payload") return void cursor.take();
    const place = field.oneof === "" ? field.name : field.oneof;
    const before = seen.get(place);
    if (before !== undefined)
      throw new Mistake(fieldPath, `${fieldPath} is set beside ${before}.`, "Set one of the two, once.");
    seen.set(place, key);
    const value = field.repeated ? readList(cursor, field, fieldPath) : readValue(cursor, field, fieldPath);
    message[place] = field.oneof === "" ? value : { $case: field.name, value };
  });
  return message;
}

function readList(cursor: JsonCursor, field: FieldType, path: string): unknown[] {
  expectKind(cursor, "array", path);
  const list: unknown[] = [];
  cursor.elements((index) => list.push(readValue(cursor, field, `${path}[${index}]`)));
  return list;
}

function readValue(cursor: JsonCursor, field: FieldType, path: string): unknown {
  switch (field.kind) {
    case "payload":
      return Buffer.from(cursor.take());
    case "message":
      return readMessage(cursor, field.of, path);
    case "enum":
      return readEnum(cursor, field.of, path);
    case "timestamp":
      return readTimestamp(cursor, path);
    case "string":
      expectKind(cursor, "string", path);
      return JSON.parse(cursor.take());
    case "bool":
      expectKind(cursor, "boolean", path);
      return cursor.take() === "true";
    case "int32":
    case "uint32":
    case "uint64":
      return readInteger(cursor, field.kind, path);
  }
}

/** The largest uint64 is the largest integer that JavaScript keeps exactly. */
const INTEGER_BOUNDS = {
  int32: { min: -2_147_483_648, max: 2_147_483_647 },
  uint32: { min: 0, max: 4_294_967_295 },
  uint64: { min: 0, max: Number.MAX_SAFE_INTEGER },
} as const;

function readInteger(cursor: JsonCursor, kind: keyof typeof INTEGER_BOUNDS, path: string): number {
  const asText = cursor.kind() === "string";
  if (!asText) expectKind(cursor, "number", path);
  const raw = asText ? String(JSON.parse(cursor.take())) : cursor.take();
  const value = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(raw) ? Number(raw) : Number.NaN;
  const { min, max } = INTEGER_BOUNDS[kind];
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Mistake(path, `${path} is ${shown(raw)}.`, `Write a whole number from ${min} to ${max}.`);
  }
  return value + 0;
}

function readEnum(cursor: JsonCursor, of: string, path: string): number {
  const { prefix, values } = enumOf(of);
  const raw = cursor.take();
  const given: unknown = JSON.parse(raw);
  for (const [name, number] of Object.entries(values)) {
    if (given === number || given === name || given === name.slice(prefix.length)) return number;
  }
  const names = Object.keys(values);
  const near =
    typeof given === "string"
      ? nearest(given.toUpperCase(), [...names, ...names.map((name) => name.slice(prefix.length))])
      : "";
  throw new Mistake(path, `${path} is ${shown(raw)}.`, `${near}Write one of ${names.join(", ")}.`);
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

function readTimestamp(cursor: JsonCursor, path: string): Date {
  expectKind(cursor, "string", path);
  const text = String(JSON.parse(cursor.take()));
  const date = new Date(RFC_3339.test(text) && hasDay(text) ? text : Number.NaN);
  if (Number.isNaN(date.getTime())) {
    throw new Mistake(path, `${path} is ${shown(text)}.`, "Write an RFC 3339 time such as 2026-07-01T12:00:00Z.");
  }
  return date;
}

/** Whether the month has this day; Date.parse takes a 31st of February for the 3rd of March. */
function hasDay(text: string): boolean {
  const lastOfMonth = new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0));
  return Number(text.slice(8, 10)) <= lastOfMonth.getUTCDate();
}

function expectKind(
  cursor: JsonCursor,
  kind: "object" | "array" | "string" | "boolean" | "number",
  path: string,
): void {
  const found = cursor.kind();
  if (found === kind) return;
  const place = path === "" ? "The body" : path;
  const article = kind === "object" || kind === "array" ? "an" : "a";
  throw new Mistake(
    path,
    `${place} is ${found === "null" ? "null" : `of type ${found}`}.`,
    `Write ${article} ${kind} there.`,
  );
}

function unknownField(path: string, key: string, name: MessageName): Mistake {
  const known = MESSAGES[name].map((field) => field.name);
  const fix =
    known.length === 0
      ? "Send {}: this request has no fields."
      : `${nearest(key, known)}Fields are ${known.join(", ")}.`;
  return new Mistake(path, `${shown(path)} is no field of ${name}.`, fix);
}

/** "Did you mean …?" for a word within a third of its length of a known one. */
function nearest(word: string, known: readonly string[]): string {
  if (word.length > 64) return "";
  const scored = known.map((candidate) => ({
    candidate,
    edits: distance(word.toLowerCase(), candidate.toLowerCase()),
  }));
  const [best] = scored.sort((a, b) => a.edits - b.edits);
  return best !== undefined && best.edits <= Math.max(1, word.length / 3) ? `Did you mean ${best.candidate}? ` : "";
}

/** A value from outside, short enough for a message. */
function shown(text: string): string {
  return text.length <= 64 ? text : `${text.slice(0, 64).toWellFormed()}…`;
}

function emptyValue(field: FieldType): unknown {
  if (field.oneof !== "") return undefined;
  if (field.repeated) return [];
  switch (field.kind) {
    case "string":
      return "";
    case "bool":
      return false;
    case "payload":
      return NO_BYTES;
    case "message":
    case "timestamp":
      return undefined;
    case "enum":
    case "int32":
    case "uint32":
    case "uint64":
      return 0;
  }
}
