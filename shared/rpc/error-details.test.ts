import { Metadata, status } from "@grpc/grpc-js";
import { REFUSALS } from "@millrace/errors/catalogue.ts";
import { isRefusalCode, refusal } from "@millrace/errors/refusal.ts";
import { STATUSES } from "@millrace/errors/status.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { callFailureOf, refusalOf } from "./call-failure.ts";
import { DETAILS_TRAILER, httpAnswerOf, startErrorOf, statusOf } from "./error-details.ts";

const CODES = Object.keys(REFUSALS).filter(isRefusalCode);

/** Trailers of gRPC's C core have 8 KiB; a trailer in base64 grows by a third, a message is percent-encoded. */
const TRAILER_BYTES_MAX = 8 * 1024;

function trailerBytes({ details, metadata }: ReturnType<typeof statusOf>): number {
  const [trailer] = metadata.get(DETAILS_TRAILER);
  return encodeURI(details).length + Math.ceil((Buffer.from(trailer ?? "").length * 4) / 3);
}

describe("a refusal on the wire", () => {
  it("comes back as it went", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 100 });
    const delay = fc.oneof(fc.constant(0), fc.nat(), fc.integer({ min: 1, max: 86_400_000 }));
    const detail = fc.record({ field: fc.string(), message: text, fix: text, retryDelayMs: delay });
    const property = fc.property(fc.constantFrom(...CODES), detail, (code, words) => {
      const refused = refusal(code, words);
      expect(refusalOf(statusOf(refused))).toEqual(refused);
    });
    fc.assert(property, { numRuns: 300 });
  });

  it.each(CODES)("%s has its status and its typed details", (code) => {
    const error = statusOf(refusal(code, { field: "run_id" }));
    const { status: name, retryDelayMs } = REFUSALS[code];
    expect(error.code).toBe(STATUSES[name].grpc);
    expect(callFailureOf(error)).toMatchObject({ status: name, reason: code, retryDelayMs });
    expect(callFailureOf(error).violations).toEqual([{ field: "run_id", description: error.details }]);
  });

  it("I9: fits into the trailers of every client, however long its texts and however many its violations", () => {
    const violation = { field: "steps.charge.with.order", description: `Line 3, column 4: ${"long ".repeat(20)}` };
    const violations = Array.from({ length: 100 }, () => violation);
    const words = { message: "m".repeat(100_000), fix: "f".repeat(100_000) };
    const error = statusOf(refusal("WORKFLOW_INVALID", words), violations);
    expect(trailerBytes(error)).toBeLessThan(TRAILER_BYTES_MAX);
    expect(callFailureOf(error).violations.length).toBeGreaterThan(10);
    const { body } = httpAnswerOf(refusal("WORKFLOW_INVALID", words), violations);
    expect(JSON.stringify(body)).toContain('"violationsLeftOut":"');
  });
});

describe("a failed call", () => {
  it("without details is known by its status alone", () => {
    const error = { code: status.UNAVAILABLE, details: "No connection.", metadata: new Metadata() };
    expect(callFailureOf(error)).toEqual({
      status: "UNAVAILABLE",
      reason: "",
      message: "No connection.",
      fix: "",
      violations: [],
      retryDelayMs: 0,
    });
    expect(refusalOf(error)).toBeUndefined();
  });

  it("I8: with details that are garbage is treated as one without", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const metadata = new Metadata();
        metadata.set(DETAILS_TRAILER, Buffer.from(bytes));
        expect(refusalOf({ code: status.INTERNAL, details: "", metadata })).toBeUndefined();
      }),
    );
  });
});

describe("httpAnswerOf", () => {
  it("is a google.rpc.Status in proto JSON", () => {
    const refused = refusal("SHARD_OVERLOADED", {
      message: "10,000 commands wait.",
      fix: "Wait.",
      retryDelayMs: 1_250,
    });
    const prefix = "type.googleapis.com/google.rpc.";
    expect(httpAnswerOf(refused)).toEqual({
      httpStatus: 429,
      body: {
        code: 8,
        message: "10,000 commands wait. Wait.",
        details: [
          { "@type": `${prefix}ErrorInfo`, reason: "SHARD_OVERLOADED", domain: "millrace", metadata: { fix: "Wait." } },
          {
            "@type": `${prefix}QuotaFailure`,
            violations: [{ subject: "SHARD_OVERLOADED", description: "10,000 commands wait." }],
          },
          { "@type": `${prefix}RetryInfo`, retryDelay: "1.25s" },
        ],
      },
    });
  });

  it("names field and precondition where there is one", () => {
    const details = JSON.stringify(httpAnswerOf(refusal("RUN_ENDED", { field: "run_id" })).body);
    expect(details).toContain('"fieldViolations":[{"field":"run_id"');
    expect(details).toContain('"violations":[{"type":"RUN_ENDED","subject":"run_id"');
  });
});

describe("startErrorOf", () => {
  it("says in a batch's answer what a status would", () => {
    const refused = refusal("WORKFLOW_NOT_FOUND", { message: "No x.", fix: "Register it." });
    const reason = "WORKFLOW_NOT_FOUND";
    expect(startErrorOf(refused)).toEqual({ code: 5, reason, message: "No x. Register it.", retryDelayMs: 0 });
  });
});
