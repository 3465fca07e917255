// What buf's linter cannot say about the public protos.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";

const bytes = readFileSync(new URL("generated/descriptors.binpb", import.meta.url));
const files = fromBinary(FileDescriptorSetSchema, bytes).file.filter((file) => file.package === "millrace.v1");

/** Every bytes field with the comment above it. */
const payloads = files.flatMap((file) =>
  file.messageType.flatMap((message, messageIndex) =>
    message.field.flatMap((field, fieldIndex) => {
      if (field.type !== FieldDescriptorProto_Type.BYTES) return [];
      // Where a comment belongs is a path of field numbers and indexes, from FileDescriptorProto down.
      const path = [
        FileDescriptorProtoSchema.field.messageType.number,
        messageIndex,
        DescriptorProtoSchema.field.field.number,
        fieldIndex,
      ].join();
      const location = file.sourceCodeInfo?.location.find((one) => one.path.join() === path);
      return [{ field: `${message.name}.${field.name}`, comment: location?.leadingComments ?? "" }];
    }),
  ),
);

describe("the generated code", () => {
  it("was made from the proto files as they are", () => {
    const root = new URL("../../", import.meta.url);
    const built = execFileSync(
      "node_modules/.bin/buf",
      ["build", "proto", "--exclude-path", "proto/millrace/internal", "-o", "-"],
      { cwd: root },
    );
    expect(built.equals(bytes), "Run `npm run proto`.").toBe(true);
  });
});

describe("the public protos", () => {
  it.each(payloads)("say that $field is JSON, which the HTTP API relies on", ({ comment }) => {
    expect(comment).toContain("JSON");
  });

  it("have payloads, and no message inside another, where this test would not look", () => {
    expect(payloads.length).toBeGreaterThan(5);
    expect(files.flatMap((file) => file.messageType.flatMap((message) => message.nestedType))).toEqual([]);
  });
});
