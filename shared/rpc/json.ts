// The JSON mapping of the HTTP API. Proto3 JSON with one difference: a `bytes` field holds UTF-8 JSON and appears as plain
// JSON, its text untouched. Enums are written with their full names and read with or without the prefix; unset and default
// values are left out; 64-bit integers are written as strings.
import { refusal } from "@millrace/errors/refusal.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { Messages } from "./generated/millrace/v1/json-types.ts";
import { JsonCursor } from "./json-cursor.ts";
import { Mistake, readMessage } from "./json-reader.ts";
import type { MessageName } from "./json-type.ts";
import { writeMessage } from "./json-writer.ts";

export type ParsedJson<Message> =
  | { readonly type: "message"; readonly message: Message }
  | { readonly type: "refused"; readonly refusal: Refusal };

/**
 * Reads the JSON text of a message. Anything that is not exactly a message of this type is refused with the path of the
 * field: unknown fields (with the nearest known name), wrong types, numbers out of range, a oneof set twice. How long a
 * text or a payload in it may be is for the caller to bound.
 */
export function fromJson<Name extends MessageName>(name: Name, text: string): ParsedJson<Messages[Name]> {
  try {
    JSON.parse(text);
  } catch (error: unknown) {
    const why = error instanceof Error ? error.message : String(error);
    const fix = "Send one JSON object, {} for a request without fields.";
    return { type: "refused", refusal: refusal("INVALID_ARGUMENT", { message: `The body is not JSON: ${why}.`, fix }) };
  }
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- table and type of a name are generated from one descriptor
    return { type: "message", message: readMessage(new JsonCursor(text), name, "") as unknown as Messages[Name] };
  } catch (error: unknown) {
    if (error instanceof Mistake) return { type: "refused", refusal: error.refusal };
    throw error;
  }
}

/**
 * Writes a message as JSON text on one line, so that it can be an event of a stream. Payloads go into it as they are, but
 * for line breaks; they were checked when they came in.
 */
export function toJson<Name extends MessageName>(name: Name, message: Messages[Name]): string {
  return writeMessage(name, message);
}
