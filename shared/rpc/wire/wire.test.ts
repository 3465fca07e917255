import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryMessage, generatedCodec, MESSAGE_NAMES } from "../arbitrary-message.ts";
import { ConnectRequest, WorkerServiceService } from "../generated/millrace/v1/workers.ts";
import { fastMethods } from "./fast-methods.ts";
import { FastReader } from "./fast-reader.ts";
import { FastWriter } from "./fast-writer.ts";

/** One for all tests, as in production: what a message leaves behind must not show in the next. */
const writer = new FastWriter();

/** What came of a call: its value, or the words of its error. */
function outcome<Value>(call: () => Value): { readonly value: Value } | { readonly error: string } {
  try {
    return { value: call() };
  } catch (error: unknown) {
    return { error: String(error) };
  }
}

describe.each(MESSAGE_NAMES)("%s", (name) => {
  const codec = generatedCodec(name);
  const message = arbitraryMessage(name);

  it("has the library's bytes, and they read the same", () => {
    const property = fc.property(message, (sent) => {
      const bytes = Buffer.from(codec.encode(sent).finish());
      writer.reset();
      expect(bytes.equals(codec.encode(sent, writer).finish())).toBe(true);
      expect(codec.decode(new FastReader(bytes))).toEqual(codec.decode(bytes));
    });
    fc.assert(property, { numRuns: 15 });
  });

  it("I8: gives what the library gives, value or error, for bytes that were cut or changed", () => {
    const damage = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), keep: fc.nat() });
    const property = fc.property(message, damage, (sent, { at, byte, keep }) => {
      const bytes = Buffer.from(codec.encode(sent).finish());
      bytes[at % (bytes.length + 1)] = byte;
      for (const hostile of [bytes, bytes.subarray(0, keep % (bytes.length + 1))]) {
        expect(outcome(() => codec.decode(new FastReader(hostile)))).toEqual(outcome(() => codec.decode(hostile)));
      }
    });
    fc.assert(property, { numRuns: 20 });
  });
});

type Step = { readonly type: "fork" | "join" } | { readonly type: "write"; readonly write: (to: BinaryWriter) => void };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom<Step>({ type: "fork" }, { type: "join" }),
  fc
    .oneof(
      fc.integer({ min: -1, max: 2 ** 32 }).map((value) => (to: BinaryWriter) => to.uint32(value)),
      fc.constantFrom(1.5, Number.NaN, -0).map((value) => (to: BinaryWriter) => to.uint32(value)),
      fc.integer({ min: -(2 ** 31) - 1, max: 2 ** 31 }).map((value) => (to: BinaryWriter) => to.int32(value)),
      fc.integer().map((value) => (to: BinaryWriter) => to.sint32(value)),
      fc.integer({ min: -1 }).map((value) => (to: BinaryWriter) => to.fixed32(value)),
      fc.integer().map((value) => (to: BinaryWriter) => to.sfixed32(value)),
      fc.oneof(fc.maxSafeInteger(), fc.bigInt(-(2n ** 64n), 2n ** 64n)).chain((value) =>
        fc.constantFrom(
          (to: BinaryWriter) => to.uint64(value),
          (to: BinaryWriter) => to.int64(value),
          (to: BinaryWriter) => to.sint64(value),
          (to: BinaryWriter) => to.fixed64(value),
          (to: BinaryWriter) => to.sfixed64(String(value)),
        ),
      ),
      fc.boolean().map((value) => (to: BinaryWriter) => to.bool(value)),
      fc.double().map((value) => (to: BinaryWriter) => to.double(value)),
      fc.double().map((value) => (to: BinaryWriter) => to.float(value)),
      fc.string({ unit: "binary", maxLength: 100 }).map((value) => (to: BinaryWriter) => to.string(value)),
      fc
        .array(fc.constantFrom("a", "é", "\ud800", "\udc00"))
        .map((value) => (to: BinaryWriter) => to.string(value.join(""))),
      fc.nat(70_000).map((length) => (to: BinaryWriter) => to.bytes(Buffer.alloc(length, 7))),
      fc.uint8Array().map((value) => (to: BinaryWriter) => to.raw(value)),
      fc.nat(100).map((field) => (to: BinaryWriter) => to.tag(field, WireType.LengthDelimited)),
    )
    .map((write): Step => ({ type: "write", write })),
);

/** Does the steps, closing every fork at the end. */
function perform(steps: readonly Step[], to: BinaryWriter): Buffer {
  let depth = 0;
  for (const each of steps) {
    if (each.type === "write") each.write(to);
    else if (each.type === "fork") to.fork();
    else if (depth > 0) to.join();
    if (each.type === "fork") depth++;
    if (each.type === "join" && depth > 0) depth--;
  }
  for (; depth > 0; depth--) to.join();
  return Buffer.from(to.finish());
}

describe("the writer", () => {
  it("writes any sequence of values and nested messages as the library does, and throws what it throws", () => {
    const property = fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      writer.reset();
      expect(outcome(() => perform(steps, writer))).toEqual(outcome(() => perform(steps, new BinaryWriter())));
    });
    fc.assert(property, { numRuns: 500 });
  });

  it("refuses to join what was not forked", () => {
    expect(() => new FastWriter().join()).toThrow("invalid state, fork stack empty");
  });

  it("grows for a message of megabytes and serves the next", () => {
    // Calls that threw in a test before this one left a message half written.
    writer.reset();
    const long = "€".repeat(1_000_000);
    expect(perform([{ type: "write", write: (to) => to.string(long) }], writer)).toHaveLength(3_000_004);
    expect(perform([{ type: "write", write: (to) => to.string("é") }], writer)).toEqual(Buffer.from("\x02é"));
  });
});

describe("the reader", () => {
  it("reads any integers, texts and chunks as the library does", () => {
    const read = (reader: BinaryReader): unknown[] => [
      reader.uint32(),
      reader.uint64().toString(),
      reader.int64().toString(),
      reader.string(),
      [...reader.bytes()],
      reader.bool(),
      reader.int32(),
      outcome(() => reader.string(true)),
    ];
    const text = fc.oneof(
      fc.string({ unit: "binary" }).map((value) => Buffer.from(value)),
      fc.uint8Array(),
    );
    const property = fc.property(fc.maxSafeInteger(), fc.nat(), text, fc.boolean(), (integer, small, chunk, flag) => {
      const to = new BinaryWriter().uint32(small).uint64(small).int64(integer).bytes(chunk).bytes(chunk).bool(flag);
      const bytes = Buffer.from(to.int32(small).bytes(chunk).finish());
      expect(read(new FastReader(bytes))).toEqual(read(new BinaryReader(bytes)));
    });
    fc.assert(property, { numRuns: 500 });
  });

  it("tells names apart that fall into one place of its cache", () => {
    const names = Array.from({ length: 2_000 }, (_, index) => `a${index.toString(36)}`);
    const to = new BinaryWriter();
    for (const name of [...names, ...names]) to.string(name);
    const reader = new FastReader(Buffer.from(to.finish()));
    expect([...names, ...names].map(() => reader.string())).toEqual([...names, ...names]);
  });

  it("I9: refuses a length beyond the message before it allocates, and groups nested without end", () => {
    const huge = Buffer.from([0x1a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3]);
    expect(() => ConnectRequest.decode(new FastReader(huge))).toThrow(RangeError);
    const groups = Buffer.alloc(100_000, 0x7b);
    expect(() => ConnectRequest.decode(new FastReader(groups))).toThrow("maximum recursion depth reached");
  });
});

describe("fastMethods", () => {
  it("serves the same methods with the same bytes", () => {
    const generated = WorkerServiceService.connect;
    const fast = fastMethods(WorkerServiceService)["connect"];
    if (fast === undefined) throw new Error("The method is gone.");
    const frame = ConnectRequest.fromPartial({ credits: 300, hello: { name: "w", taskTypes: ["a", "ü"] } });
    const bytes = generated.requestSerialize(frame);
    expect(fast).toMatchObject({ path: generated.path, requestStream: true, responseStream: true });
    expect(fast.requestSerialize(frame)).toEqual(bytes);
    expect(fast.requestDeserialize(bytes)).toEqual(frame);
  });

  it("starts afresh after a message that could not be encoded", () => {
    const { connect } = fastMethods(WorkerServiceService);
    if (connect === undefined) throw new Error("The method is gone.");
    expect(() => connect.requestSerialize(ConnectRequest.fromPartial({ hello: { name: "x" }, credits: -1 }))).toThrow(
      "invalid uint32: -1",
    );
    expect(connect.requestSerialize(ConnectRequest.fromPartial({ credits: 1 }))).toEqual(Buffer.from([0x10, 1]));
  });

  it("leaves methods of other packages alone", () => {
    const other = { check: { ...WorkerServiceService.connect, path: "/grpc.health.v1.Health/Check" } };
    expect(fastMethods(other)["check"]).toBe(other.check);
  });
});
