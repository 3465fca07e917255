// Random messages of the public API for property tests, made from the generated tables; and their generated codecs.
import fc from "fast-check";
import * as cluster from "./generated/millrace/v1/cluster_service.ts";
import * as failures from "./generated/millrace/v1/failures.ts";
import { MESSAGES, type Messages } from "./generated/millrace/v1/json-types.ts";
import * as runs from "./generated/millrace/v1/runs.ts";
import * as workers from "./generated/millrace/v1/workers.ts";
import * as workflows from "./generated/millrace/v1/workflows.ts";
import { enumOf, type FieldType, type MessageName } from "./json-type.ts";

/** All messages of millrace.v1. */
export const MESSAGE_NAMES = Object.keys(MESSAGES).filter((name): name is MessageName => Object.hasOwn(MESSAGES, name));

/** The codec ts-proto generated for a message. */
export function generatedCodec<Name extends MessageName>(name: Name): runs.MessageFns<Messages[Name]> {
  const found: unknown = Reflect.get(
    { ...cluster, ...failures, ...runs, ...workers, ...workflows },
    name.replace(/^.*\./, ""),
  );
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a table of codecs by name would lose which message each is for
  return found as runs.MessageFns<Messages[Name]>;
}

/** Any message of this type, payloads being JSON as JSON.stringify writes it. */
export function arbitraryMessage<Name extends MessageName>(name: Name): fc.Arbitrary<Messages[Name]> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made from the table that was generated with the type
  return arbitraryFields(name) as unknown as fc.Arbitrary<Messages[Name]>;
}

function arbitraryFields(name: MessageName): fc.Arbitrary<Record<string, unknown>> {
  const places = new Map<string, fc.Arbitrary<unknown>[]>();
  for (const field of MESSAGES[name]) {
    const place = field.oneof === "" ? field.name : field.oneof;
    places.set(place, [...(places.get(place) ?? []), arbitraryField(field)]);
  }
  const model: Record<string, fc.Arbitrary<unknown>> = {};
  for (const [place, choices] of places) model[place] = fc.oneof(...choices);
  return fc.record(model);
}

function arbitraryField(field: FieldType): fc.Arbitrary<unknown> {
  if (field.oneof !== "") {
    const chosen = arbitraryValue(field).map((value) => ({ $case: field.name, value }));
    return fc.option(chosen, { nil: undefined });
  }
  if (field.repeated) return fc.array(arbitraryValue(field), { maxLength: 5 });
  if (field.kind === "message" || field.kind === "timestamp")
    return fc.option(arbitraryValue(field), { nil: undefined });
  if (field.kind === "payload") return fc.oneof(fc.constant(Buffer.alloc(0)), arbitraryValue(field));
  return arbitraryValue(field);
}

function arbitraryValue(field: FieldType): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case "string":
      return arbitraryText();
    case "bool":
      return fc.boolean();
    case "int32":
      return fc.oneof(fc.integer(), fc.integer({ min: -200, max: 200 }));
    case "uint32":
      return fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 4_294_967_295 }));
    case "uint64":
      return fc.oneof(
        fc.nat(300),
        fc.maxSafeNat(),
        fc.nat(45).map((bits) => 2 ** bits),
      );
    case "payload":
      return fc.oneof(fc.jsonValue(), arbitraryText()).map((value) => Buffer.from(JSON.stringify(value)));
    case "timestamp":
      // From 1970: ts-proto writes earlier times with negative nanoseconds, which the format does not allow.
      return fc.date({ min: new Date(0), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true });
    case "enum":
      return fc.constantFrom(...Object.values(enumOf(field.of).values));
    case "message":
      return arbitraryFields(field.of);
  }
}

/** Short and long, ASCII, Latin-1, and with characters of two, three and four bytes. */
function arbitraryText(): fc.Arbitrary<string> {
  const unit = fc.constantFrom("grapheme", "grapheme-ascii", "binary");
  const size = fc.constantFrom(5, 40, 150, 400);
  const random = fc.tuple(unit, size).chain(([kind, maxLength]) => fc.string({ unit: kind, maxLength }));
  const repeated = fc
    .tuple(fc.constantFrom("a", "é", "€", "😀"), fc.nat(20_000))
    .map(([one, times]) => one.repeat(times));
  return fc.oneof({ weight: 49, arbitrary: random }, { weight: 1, arbitrary: repeated });
}
