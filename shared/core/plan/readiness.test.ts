import type { Definition } from "@millrace/model/definition.ts";
import { workflowName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { StepState } from "@millrace/model/run-state.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compilePlan } from "./compile.ts";
import { isReady, isSettled, isSkippedByNeeds } from "./readiness.ts";

const PENDING: StepState = { status: "pending" };
const SKIPPED: StepState = { status: "skipped", atMs: 1 };
const DONE: StepState = { status: "done", sinceMs: 0, endedMs: 1, output: json("1") };
const SLEEPING: StepState = { status: "sleeping", sinceMs: 0, untilMs: 9 };
const FAULTED: StepState = {
  status: "faulted",
  sinceMs: 0,
  endedMs: 1,
  failure: { code: "STEP_TIMEOUT", class: "permanent", message: "", guidance: "", retryAfterMs: 0 },
};

/** Steps s0, s1, …, each with the ordinals of what it needs. */
function planOf(needs: readonly (readonly number[])[]) {
  const retry = { maxAttempts: 1, initialDelayMs: 1, maxDelayMs: 1, multiplier: 1 };
  const rest = {
    if: null,
    forEach: null,
    maxConcurrency: 1,
    with: null,
    hasWith: false,
    attemptTimeoutMs: 1,
    stepTimeoutMs: 0,
    retry,
  };
  const definition: Definition = {
    name: workflowName("w"),
    triggers: [],
    steps: needs.map((list, at) => ({
      name: `s${at}`,
      uses: "a.b",
      kind: "task",
      needs: list.map((need) => `s${need}`),
      ...rest,
    })),
    output: null,
    hasOutput: false,
    timeoutMs: 0,
  };
  return compilePlan(definition);
}

test("a step is ready once, when all it needs is settled", () => {
  const plan = planOf([[], [], [0, 1]]);
  expect(isReady(plan, [PENDING, PENDING, PENDING], 0)).toBe(true);
  expect(isReady(plan, [DONE, PENDING, PENDING], 0)).toBe(false);
  expect(isReady(plan, [DONE, PENDING, PENDING], 2)).toBe(false);
  expect(isReady(plan, [DONE, SLEEPING, PENDING], 2)).toBe(false);
  expect(isReady(plan, [DONE, FAULTED, PENDING], 2)).toBe(false);
  expect(isReady(plan, [DONE, SKIPPED, PENDING], 2)).toBe(true);
  expect(isReady(plan, [DONE, DONE, PENDING], 2)).toBe(true);
});

test("a step is skipped with its needs when all of them were skipped, and there were any", () => {
  const plan = planOf([[], [], [0, 1]]);
  expect(isSkippedByNeeds(plan, [SKIPPED, SKIPPED, PENDING], 2)).toBe(true);
  expect(isSkippedByNeeds(plan, [SKIPPED, DONE, PENDING], 2)).toBe(false);
  expect(isSkippedByNeeds(plan, [PENDING, PENDING, PENDING], 0)).toBe(false);
});

test("in any DAG, settling ready steps one by one settles each exactly once, after all it needs", () => {
  const dag = fc.array(fc.array(fc.nat(19), { maxLength: 3 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(dag, fc.infiniteStream(fc.nat()), (edges, choices) => {
      const needs = edges.map((targets, at) => [...new Set(targets.filter((target) => target < at))]);
      const plan = planOf(needs);
      const steps: StepState[] = needs.map(() => PENDING);
      for (let settled = 0; settled < needs.length; settled++) {
        const ready = needs.map((_, at) => at).filter((at) => isReady(plan, steps, at));
        const choice = choices.next().value ?? 0;
        const step = ready[choice % Math.max(1, ready.length)];
        if (step === undefined) throw new Error("Stuck.");
        for (const need of needs[step] ?? []) expect(steps[need] !== undefined && isSettled(steps[need])).toBe(true);
        steps[step] = isSkippedByNeeds(plan, steps, step) || choice % 3 === 0 ? SKIPPED : DONE;
      }
      expect(steps.every(isSettled)).toBe(true);
    }),
    { numRuns: 100 },
  );
});
