import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";
import { METHOD_CODECS } from "../generated/millrace/v1/method-codecs.ts";
import { FastReader } from "./fast-reader.ts";
import { FastWriter } from "./fast-writer.ts";

/** The part of a generated codec that speaks bytes. */
export interface WireCodec {
  encode(message: unknown, writer: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader): unknown;
}

export interface MethodCodecs {
  readonly request: WireCodec;
  readonly response: WireCodec;
}

/**
 * The same service with faster encoding and decoding of its messages; the bytes on the wire are the same. Methods outside
 * millrace.v1 stay as they are.
 */
export function fastMethods<Definition extends ServiceDefinition>(definition: Definition): Definition {
  const methods: Record<string, MethodDefinition<unknown, unknown>> = {};
  for (const [name, method] of Object.entries(definition)) {
    const codecs = METHOD_CODECS[method.path];
    methods[name] =
      codecs === undefined
        ? method
        : {
            ...method,
            requestSerialize: serializer(codecs.request),
            requestDeserialize: deserializer(codecs.request),
            responseSerialize: serializer(codecs.response),
            responseDeserialize: deserializer(codecs.response),
          };
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same names with methods of the same types; a loop cannot say so
  return methods as unknown as Definition;
}

/** Encoding never waits and never nests, so one writer serves everybody. */
const writer = new FastWriter();

function serializer(codec: WireCodec): (message: unknown) => Buffer {
  return (message) => {
    writer.reset();
    codec.encode(message, writer);
    return writer.finish();
  };
}

function deserializer(codec: WireCodec): (bytes: Buffer) => unknown {
  return (bytes) => codec.decode(new FastReader(bytes));
}
