import { MESSAGES } from "./generated/millrace/v1/json-types.ts";
import { enumOf, type FieldType, type MessageName } from "./json-type.ts";

/** The JSON text of a message, default values left out. */
export function writeMessage(name: MessageName, message: object): string {
  const members: string[] = [];
  for (const field of MESSAGES[name]) {
    const value = valueOf(message, field);
    if (isUnset(value, field)) continue;
    const text = Array.isArray(value)
      ? `[${value.map((one) => writeValue(one, field)).join(",")}]`
      : writeValue(value, field);
    members.push(`"${field.name}":${text}`);
  }
  return `{${members.join(",")}}`;
}

/** A field's value; undefined when its oneof holds another. */
function valueOf(message: object, field: FieldType): unknown {
  if (field.oneof === "") return Reflect.get(message, field.name);
  const chosen: unknown = Reflect.get(message, field.oneof);
  if (typeof chosen !== "object" || chosen === null || Reflect.get(chosen, "$case") !== field.name) return undefined;
  return Reflect.get(chosen, "value");
}

/** Whether proto3 JSON leaves the value out: the chosen field of a oneof is always written. */
function isUnset(value: unknown, field: FieldType): boolean {
  if (value === undefined) return true;
  if (field.oneof !== "") return false;
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length === 0;
  return value === "" || value === 0 || value === false;
}

function writeValue(value: unknown, field: FieldType): string {
  switch (field.kind) {
    case "payload":
      return value instanceof Uint8Array && value.length > 0 ? onOneLine(value) : "null";
    case "message":
      return typeof value === "object" && value !== null ? writeMessage(field.of, value) : "null";
    case "enum": {
      const found = Object.entries(enumOf(field.of).values).find(([, number]) => number === value);
      return found === undefined ? String(value) : `"${found[0]}"`;
    }
    case "timestamp":
      return JSON.stringify(value);
    case "uint64":
      return `"${String(value)}"`;
    default:
      return JSON.stringify(value);
  }
}

/** A payload's text with blanks for line breaks, which JSON has between its tokens only. */
function onOneLine(payload: Uint8Array): string {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.length)
    .toString()
    .replace(/[\r\n]/g, " ");
}
