import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { REFUSALS } from "./catalogue.ts";
import { FAILURE_TEXT_CHARACTERS_MAX, failureOf, isFailureCode } from "./failure.ts";
import { isRefusalCode, refusal } from "./refusal.ts";
import { STATUSES, statusName } from "./status.ts";

describe("refusal", () => {
  it("takes what is not said from the catalogue", () => {
    const { message, fix, retryDelayMs } = REFUSALS.SHARD_OVERLOADED;
    expect(refusal("SHARD_OVERLOADED")).toEqual({ code: "SHARD_OVERLOADED", field: "", message, fix, retryDelayMs });
  });

  it("keeps what is said, a delay of 0 too", () => {
    const detail = { field: "run_id", message: "No run has the ID x.", fix: "Look it up.", retryDelayMs: 0 };
    expect(refusal("SHARD_OVERLOADED", detail)).toEqual({ code: "SHARD_OVERLOADED", ...detail });
  });
});

describe("failureOf", () => {
  it("takes class, and texts that are not said, from the catalogue", () => {
    expect(failureOf("HTTP_GONE", "")).toMatchObject({ class: "permanent", message: /410/u, guidance: /successor/u });
    expect(failureOf("WORKER_LOST", "w@1 fell silent.", "", 5)).toEqual({
      code: "WORKER_LOST",
      class: "transient",
      message: "w@1 fell silent.",
      guidance: "",
      retryAfterMs: 5,
    });
  });

  it("I9: cuts long texts, never within a character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), fc.nat(2), (text, shift) => {
        const { message } = failureOf("WORKER_ERROR", "x".repeat(shift) + text.repeat(FAILURE_TEXT_CHARACTERS_MAX));
        expect(message.length).toBeLessThanOrEqual(FAILURE_TEXT_CHARACTERS_MAX);
        expect(message.isWellFormed()).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

describe("codes from outside", () => {
  it.each(["toString", "__proto__", "", "run_ended"])("%j is none", (code) => {
    expect([isRefusalCode(code), isFailureCode(code)]).toEqual([false, false]);
  });
});

describe("statusName", () => {
  it("names every number of gRPC, and calls others UNKNOWN", () => {
    for (const [name, { grpc }] of Object.entries(STATUSES)) expect(statusName(grpc)).toBe(name);
    expect(statusName(0)).toBe("UNKNOWN");
    expect(statusName(99)).toBe("UNKNOWN");
  });
});
