import { decide } from "@millrace/core/run/decide.ts";
import { COMMAND_RECORD_BYTES_MAX } from "@millrace/core/run/decision.ts";
import { makeDecision, makePlan, makeStep } from "@millrace/core/run/testdata/make-plan.ts";
import type { StepDefinition } from "@millrace/model/definition.ts";
import type { Failure } from "@millrace/model/failure.ts";
import { runId, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import { INLINE_PAYLOAD_BYTES_MAX, type Json, json } from "@millrace/model/payload.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import type { TaskOutcome } from "@millrace/model/task.ts";
import { describe, expect, it } from "vitest";
import { encodeEvents } from "./events-v1.ts";

const NOW_MS = 1_767_225_600_000;
const TO = { tenant: tenantId("t".repeat(64)), runId: runId("0zzzzzzzzzzzzzzzzzzz") };

/** JSON of exactly the most bytes an inline payload has: an object whose `x` is made of characters of so many bytes. */
function largest(character: string): Json {
  const room = INLINE_PAYLOAD_BYTES_MAX - Buffer.byteLength('{"x":""}');
  const count = Math.floor(room / Buffer.byteLength(character));
  const text = character.repeat(count) + "a".repeat(room - count * Buffer.byteLength(character));
  return json(JSON.stringify({ x: text }));
}

/** What the events of one result take, which makes everything ready that the steps say. */
function bytesOf(steps: readonly StepDefinition[], outcome: TaskOutcome, logs: Json): number {
  const plan = makePlan([makeStep("a", {}), ...steps], { all: "${steps.a.output.x}" });
  const start: RunCommand = {
    ...{ type: "start", ...TO, workflow: workflowName("w"), version: 1, input: json("{}") },
    ...{ idempotencyKey: "", inputHash: "", traceparent: "", parent: null },
  };
  const first = makeDecision(plan, undefined, { nowMs: NOW_MS, seed: 1 });
  decide(first, start);
  const second = makeDecision(plan, first.run, { nowMs: NOW_MS, seed: 1 });
  const token = { runId: TO.runId, epoch: 1, step: 0, item: -1, attempt: 1 };
  const result = { ...token, outcome, worker: workerName("w".repeat(128)), startedMs: NOW_MS, logs };
  expect(decide(second, { type: "result", ...TO, result })).toEqual({ type: "done", repeated: false, epoch: 0 });
  const messages = second.reactions.flatMap((reaction) =>
    reaction.type === "send" ? [{ type: "message-sent", number: 2 ** 40, message: reaction.message } as const] : [],
  );
  return encodeEvents(second.events, 0, NOW_MS).length + encodeEvents(messages, 0, NOW_MS).length;
}

const COPY = { y: "${steps.a.output.x}" };
const many = (count: number, fields: Partial<StepDefinition>): StepDefinition[] =>
  Array.from({ length: count }, (_, index) => makeStep(`s${index}`, { needs: ["a"], ...fields }));

describe("the room a command has in a record", () => {
  it.each([
    ["one-byte", "a"],
    ["two-byte", "é"],
    ["three-byte", "気"],
    ["four-byte", "🌊"],
  ])("I9: is enough for results, logs and copies of %s characters", (_, character) => {
    const outcome = { type: "completed", output: largest(character) } as const;
    const logs = largest(character);
    const copies = bytesOf(many(20, { with: COPY }), outcome, logs);
    const transforms = bytesOf(many(20, { kind: "transform", uses: "transform", with: COPY }), outcome, logs);
    expect(copies).toBeGreaterThan(2 * INLINE_PAYLOAD_BYTES_MAX);
    expect(Math.max(copies, transforms)).toBeLessThanOrEqual(COMMAND_RECORD_BYTES_MAX);
  });

  it("I9: is enough for a list of the most items behind copies that all but fill the budget", () => {
    const output = json(JSON.stringify({ x: "a".repeat(40_000), list: Array.from({ length: 5_000 }, () => 1) }));
    const list = "steps.a.output.list.map(i, [i, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])";
    const steps = [
      makeStep("copy", { needs: ["a"], with: COPY }),
      ...many(3, { forEach: list, maxConcurrency: 1000, with: { i: "${item}" } }),
    ];
    const bytes = bytesOf(steps, { type: "completed", output }, largest("é"));
    expect(bytes).toBeGreaterThan(200_000);
    expect(bytes).toBeLessThanOrEqual(COMMAND_RECORD_BYTES_MAX);
  });

  it("I9: is enough for children with the longest names, behind copies that all but fill the budget", () => {
    const output = json(JSON.stringify({ x: "a".repeat(40_000), list: Array.from({ length: 300 }, () => 1) }));
    const name = "w".repeat(128);
    const child = { name, version: 1_000_000_000, wait: true, onCancel: "cancel" } as const;
    const steps = [
      makeStep("copy", { needs: ["a"], with: COPY }),
      makeStep("each", { needs: ["a"], kind: "workflow", child, forEach: "steps.a.output.list", maxConcurrency: 1000 }),
    ];
    const bytes = bytesOf(steps, { type: "completed", output }, largest("é"));
    expect(bytes).toBeGreaterThan(150_000);
    expect(bytes).toBeLessThanOrEqual(COMMAND_RECORD_BYTES_MAX);
  });

  it("I9: is enough for the longest failure, told twice", () => {
    const words = "気".repeat(4096);
    const failure: Failure = {
      code: "C".repeat(128),
      class: "permanent",
      message: words,
      guidance: words,
      retryAfterMs: 1,
    };
    expect(bytesOf([], { type: "failed", failure }, largest("気"))).toBeLessThanOrEqual(COMMAND_RECORD_BYTES_MAX);
  });
});
