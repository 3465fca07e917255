// What the JSON mapping knows of messages: the form of the generated tables in `generated/millrace/v1/json-types.ts`.
import { ENUMS, type Messages } from "./generated/millrace/v1/json-types.ts";

/** Full name of a message of the public API, e.g. `millrace.v1.StartRunRequest`. */
export type MessageName = keyof Messages;

/** A `payload` is a bytes field: UTF-8 JSON that appears as plain JSON. */
export type FieldKind =
  | { readonly kind: "string" | "bool" | "int32" | "uint32" | "uint64" | "payload" | "timestamp" }
  | { readonly kind: "enum"; readonly of: string }
  | { readonly kind: "message"; readonly of: MessageName };

export type FieldType = FieldKind & {
  /** The name in JSON and in TypeScript. */
  readonly name: string;
  /** The name in the proto file, accepted in JSON too. */
  readonly protoName: string;
  readonly repeated: boolean;
  /** The oneof it belongs to; empty = none. */
  readonly oneof: string;
};

export type MessageType = readonly FieldType[];

export interface EnumType {
  /** What all value names begin with, e.g. `RUN_STATUS_`. */
  readonly prefix: string;
  readonly values: Readonly<Record<string, number>>;
}

export interface MethodType {
  readonly request: MessageName;
  readonly response: MessageName;
}

/** An enum by its full name. */
export function enumOf(name: string): EnumType {
  const found = ENUMS[name];
  if (found === undefined) throw new Error(`${name} is missing in the generated table.`);
  return found;
}
