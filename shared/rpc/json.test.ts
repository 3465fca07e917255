import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary, toJson as referenceToJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonTypesOf, methodCodecsOf } from "../../proto/message-tables.ts";
import { arbitraryMessage, generatedCodec, MESSAGE_NAMES } from "./arbitrary-message.ts";
import { MESSAGES } from "./generated/millrace/v1/json-types.ts";
import { fromJson, toJson } from "./json.ts";
import type { MessageName } from "./json-type.ts";

const GENERATED = new URL("generated/", import.meta.url);
const descriptors = fromBinary(FileDescriptorSetSchema, readFileSync(new URL("descriptors.binpb", GENERATED)));

function refused(name: MessageName, text: string): { field: string; message: string; fix: string } {
  const parsed = fromJson(name, text);
  if (parsed.type !== "refused") throw new Error(`${text} was taken.`);
  return parsed.refusal;
}

/** Proto JSON as the reference library writes it, its base64 turned into what our mapping shows. */
function withPlainPayloads(name: MessageName, value: unknown): unknown {
  const shown: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(typeof value === "object" && value !== null ? value : {})) {
    const field = MESSAGES[name].find((candidate) => candidate.name === key);
    const plain = (one: unknown): unknown => {
      if (field?.kind === "message") return withPlainPayloads(field.of, one);
      if (field?.kind !== "payload") return one;
      return one === "" ? null : JSON.parse(Buffer.from(String(one), "base64").toString());
    };
    shown[key] = Array.isArray(member) ? member.map(plain) : plain(member);
  }
  return shown;
}

/** Timestamps as instants: 2026-07-01T12:00:00Z and 2026-07-01T12:00:00.000Z are both right. */
function withInstants(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, member: unknown) =>
    typeof member === "string" && /Time(?:From|Until)?$/.test(key) ? new Date(member).getTime() : member,
  );
}

describe("the tables", () => {
  it("are what the descriptor set says", () => {
    const written = (file: string): string => readFileSync(new URL(`millrace/v1/${file}`, GENERATED), "utf8");
    expect(written("json-types.ts")).toBe(jsonTypesOf(descriptors));
    expect(written("method-codecs.ts")).toBe(methodCodecsOf(descriptors));
  });
});

describe.each(MESSAGE_NAMES)("%s", (name) => {
  it("is written as the reference library writes it, payloads being plain JSON", () => {
    const schema = createFileRegistry(descriptors).getMessage(name);
    if (schema === undefined) throw new Error(`${name} is not in the descriptor set.`);
    fc.assert(
      fc.property(arbitraryMessage(name), (message) => {
        const reference = referenceToJson(schema, fromBinary(schema, generatedCodec(name).encode(message).finish()));
        expect(withInstants(JSON.parse(toJson(name, message)))).toEqual(
          withInstants(withPlainPayloads(name, reference)),
        );
      }),
      { numRuns: 15 },
    );
  });

  it("is read back as it was written", () => {
    fc.assert(
      fc.property(arbitraryMessage(name), (message) => {
        const parsed = fromJson(name, toJson(name, message));
        const sent = generatedCodec(name).encode(message).finish();
        if (parsed.type === "refused") throw new Error(parsed.refusal.message);
        expect(generatedCodec(name).encode(parsed.message).finish()).toEqual(sent);
      }),
      { numRuns: 15 },
    );
  });
});

describe("fromJson", () => {
  it("keeps a payload's text: digits, blanks, order and repeated keys", () => {
    const input = '{ "id": 12345678901234567890, "b": [1.50, "\\"}]\\\\"], "a": {}, "a": "\\u20ac" }';
    const parsed = fromJson("millrace.v1.StartRunRequest", `{"workflow":"w","input":${input}}`);
    expect(parsed).toMatchObject({ message: { workflow: "w", input: Buffer.from(input) } });
  });

  it("fills in what is absent or null", () => {
    const parsed = fromJson("millrace.v1.StartRunRequest", '{"workflow":null}');
    const message = { workflow: "", input: Buffer.alloc(0), idempotencyKey: "", version: 0, wait: false };
    expect(parsed).toEqual({ type: "message", message });
  });

  it("takes proto names, short enum names, enum numbers, integers as text and time zones", () => {
    const text = `{"page_size":"25","status":"COMPLETED","startTimeFrom":"2026-07-01T14:00:00.5+02:00"}`;
    expect(fromJson("millrace.v1.ListRunsRequest", text)).toMatchObject({
      message: { pageSize: 25, status: 4, startTimeFrom: new Date("2026-07-01T12:00:00.500Z") },
    });
    const full = fromJson("millrace.v1.ListRunsRequest", '{"status":"RUN_STATUS_COMPLETED"}');
    expect(fromJson("millrace.v1.ListRunsRequest", '{"status":4}')).toEqual(full);
    expect(fromJson("millrace.v1.ListRunsRequest", '{"pageSize":2.5e1}')).toMatchObject({ message: { pageSize: 25 } });
  });

  it.each([
    ["millrace.v1.StartRunRequest", '{"idempotencyKeey":"k"}', "idempotencyKeey", "Did you mean idempotencyKey?"],
    ["millrace.v1.StartRunsRequest", '{"runs":[{},{"inputs":1}]}', "runs[1].inputs", "Did you mean input?"],
    ["millrace.v1.StartRunRequest", '{"__proto__":{}}', "__proto__", "Fields are workflow"],
    ["millrace.v1.StartRunRequest", '{"workflow":7}', "workflow", "Write a string there."],
    ["millrace.v1.StartRunRequest", '{"wait":"true"}', "wait", "Write a boolean there."],
    ["millrace.v1.StartRunRequest", '{"version":-1}', "version", "from 0 to 4294967295"],
    ["millrace.v1.StartRunRequest", '{"version":1.5}', "version", "whole number"],
    ["millrace.v1.StartRunRequest", '{"version":"1x"}', "version", "whole number"],
    ["millrace.v1.RunStart", '{"ref":9007199254740993}', "ref", "to 9007199254740991"],
    ["millrace.v1.ListRunsRequest", '{"status":"COMPLETD"}', "status", "Did you mean COMPLETED?"],
    ["millrace.v1.ListRunsRequest", '{"status":99}', "status", "Write one of RUN_STATUS_UNSPECIFIED"],
    ["millrace.v1.ListRunsRequest", '{"startTimeFrom":"yesterday"}', "startTimeFrom", "RFC 3339"],
    ["millrace.v1.ListRunsRequest", '{"startTimeFrom":"2026-02-30T00:00:00Z"}', "startTimeFrom", "RFC 3339"],
    ["millrace.v1.ListRunsRequest", '{"pageSize":1,"page_size":2}', "page_size", "one of the two"],
    ["millrace.v1.TaskResult", '{"output":1,"cancelled":true}', "cancelled", "one of the two"],
    ["millrace.v1.StartRunsRequest", '{"runs":{}}', "runs", "Write an array there."],
    ["millrace.v1.StartRunsRequest", '{"runs":[null]}', "runs[0]", "Write an object there."],
    ["millrace.v1.CancelRunResponse", '{"a":1}', "a", "no fields"],
    ["millrace.v1.StartRunRequest", "[]", "", "Write an object there."],
    ["millrace.v1.StartRunRequest", "", "", "Send one JSON object"],
    ["millrace.v1.StartRunRequest", '{"input":{"a":}}', "", "Send one JSON object"],
  ] as const)("I8: refuses %s %s, naming field and fix", (name, text, field, fix) => {
    expect(refused(name, text)).toMatchObject({ code: "INVALID_ARGUMENT", field, fix: expect.stringContaining(fix) });
  });

  it("I8: takes or refuses any JSON, and never fails otherwise", () => {
    fc.assert(
      fc.property(fc.constantFrom(...MESSAGE_NAMES), fc.json(), (name, text) => {
        expect(fromJson(name, text).type).toMatch(/^(message|refused)$/);
      }),
    );
  });

  it("I9: steps over a payload nested 100,000 deep", () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const parsed = fromJson("millrace.v1.StartRunRequest", `{"input":${deep}}`);
    expect(parsed).toMatchObject({ type: "message", message: { input: Buffer.from(deep) } });
  });
});

describe("toJson", () => {
  it("writes a payload of several lines on one, its strings unchanged", () => {
    const message = { runId: "r", output: Buffer.from('{\r\n  "a": "b\\nc"\n}') };
    const text = toJson("millrace.v1.RunEnd", generatedCodec("millrace.v1.RunEnd").fromPartial(message));
    expect(text).toBe('{"runId":"r","output":{    "a": "b\\nc" }}');
  });

  it("shows an unknown enum value of a newer server as its number", () => {
    const run = generatedCodec("millrace.v1.RunEnd").fromPartial({ runId: "r" });
    expect(toJson("millrace.v1.RunEnd", Object.assign(run, { status: 99 }))).toBe('{"runId":"r","status":99}');
  });
});
