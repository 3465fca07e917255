// Writes what the JSON mapping of the HTTP API needs to know of every message, and which codecs every method uses, from the
// descriptor set, so that nobody reads descriptors when a server starts. Run by `npm run proto`.

import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  fromBinary,
  ScalarType,
} from "@bufbuild/protobuf";
import { type FileDescriptorSet, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const GENERATED = new URL("../shared/rpc/generated/", import.meta.url);

/** The package whose messages the HTTP API speaks. */
const PACKAGE = "millrace.v1";

/** The text of `method-codecs.ts` for this descriptor set: which generated codecs each method's messages have. */
export function methodCodecsOf(descriptors: FileDescriptorSet): string {
  const imports: string[] = [];
  const methods: string[] = [];
  for (const file of createFileRegistry(descriptors).files) {
    if (file.proto.package !== PACKAGE || file.services.length === 0) continue;
    const called = file.services.flatMap((service) => service.methods);
    const names = new Set(called.flatMap(({ input, output }) => [input.name, output.name]));
    imports.push(`import { ${[...names].sort().join(", ")} } from "./${basename(file.name)}.ts";`);
    for (const { parent, name, input, output } of called) {
      methods.push(`  "/${parent.typeName}/${name}": { request: ${input.name}, response: ${output.name} },`);
    }
  }
  return [
    "// Written by proto/message-tables.ts from descriptors.binpb. Do not edit.",
    'import type { MethodCodecs } from "../../../wire/fast-methods.ts";',
    ...imports,
    "",
    "export const METHOD_CODECS: Readonly<Record<string, MethodCodecs>> = {",
    ...methods,
    "};",
    "",
  ].join("\n");
}

/** The text of `json-types.ts` for this descriptor set. */
export function jsonTypesOf(descriptors: FileDescriptorSet): string {
  const files = [...createFileRegistry(descriptors).files].filter((file) => file.proto.package === PACKAGE);
  const messages = files.flatMap((file) => file.messages.map((message) => ({ file, message })));
  const lines = [
    "// Written by proto/message-tables.ts from descriptors.binpb. Do not edit.",
    'import type { EnumType, MessageType, MethodType } from "../../../json-type.ts";',
  ];
  for (const file of files) {
    const names = file.messages.map(({ name }) => name).sort();
    if (names.length > 0) lines.push(`import type { ${names.join(", ")} } from "./${basename(file.name)}.ts";`);
  }
  lines.push("", "export interface Messages {");
  for (const { message } of messages) lines.push(`  "${message.typeName}": ${message.name};`);
  lines.push("}", "", "export const ENUMS: Readonly<Record<string, EnumType>> = {");
  for (const file of files) for (const one of file.enums) lines.push(`  "${one.typeName}": ${enumText(one)},`);
  lines.push("};", "", "export const MESSAGES: Readonly<Record<keyof Messages, MessageType>> = {");
  for (const { message } of messages) lines.push(`  "${message.typeName}": ${messageText(message)},`);
  lines.push("};", "", "export const METHODS: Readonly<Record<string, MethodType>> = {");
  for (const { typeName, methods } of files.flatMap((file) => file.services)) {
    for (const { name, input, output } of methods) {
      lines.push(`  "/${typeName}/${name}": { request: "${input.typeName}", response: "${output.typeName}" },`);
    }
  }
  lines.push("};", "");
  return lines.join("\n");
}

function messageText(message: DescMessage): string {
  const fields = message.fields.map(
    (field) =>
      `    { name: "${field.localName}", protoName: "${field.name}", ${kindText(field)}, ` +
      `repeated: ${field.fieldKind === "list"}, oneof: "${field.oneof?.localName ?? ""}" },\n`,
  );
  return fields.length === 0 ? "[]" : `[\n${fields.join("")}  ]`;
}

function kindText(field: DescField): string {
  if (field.message !== undefined && field.fieldKind !== "map") {
    if (field.message.typeName === "google.protobuf.Timestamp") return 'kind: "timestamp"';
    if (field.message.file.proto.package === PACKAGE) return `kind: "message", of: "${field.message.typeName}"`;
  }
  if (field.enum !== undefined && field.fieldKind !== "map") return `kind: "enum", of: "${field.enum.typeName}"`;
  switch (field.scalar) {
    case ScalarType.STRING:
      return 'kind: "string"';
    case ScalarType.BOOL:
      return 'kind: "bool"';
    case ScalarType.INT32:
      return 'kind: "int32"';
    case ScalarType.UINT32:
      return 'kind: "uint32"';
    case ScalarType.UINT64:
      return 'kind: "uint64"';
    case ScalarType.BYTES:
      return 'kind: "payload"';
    default:
      throw new Error(`${field.toString()}: shared/rpc/json-type.ts has no kind for this type yet.`);
  }
}

function enumText(one: DescEnum): string {
  const values = one.values.map(({ name, number }) => `${name}: ${number}`);
  return `{ prefix: "${(one.sharedPrefix ?? "").toUpperCase()}", values: { ${values.join(", ")} } }`;
}

if (import.meta.main) {
  const descriptors = fromBinary(FileDescriptorSetSchema, readFileSync(new URL("descriptors.binpb", GENERATED)));
  writeFileSync(new URL("millrace/v1/json-types.ts", GENERATED), jsonTypesOf(descriptors));
  writeFileSync(new URL("millrace/v1/method-codecs.ts", GENERATED), methodCodecsOf(descriptors));
}
