import fc from "fast-check";
import { expect, it } from "vitest";
import { compilePlan } from "../plan/compile.ts";
import { isSettled } from "./readiness.ts";
import { retryingOf, summarise } from "./summarise.ts";
import { arbitraryDefinition } from "./testdata/arbitrary-definition.ts";
import { arbitraryHistory, play, tasksOf } from "./testdata/arbitrary-history.ts";

it("says of any run what a look at each of its steps and items says", () => {
  fc.assert(
    fc.property(arbitraryDefinition, arbitraryHistory, (definition, history) => {
      const plan = compilePlan(definition);
      play(plan, history, ({ decision: { run } }) => {
        if (run === undefined) throw new Error("The run was never started.");
        const waiting = tasksOf(run).flatMap(({ step, task }) => (task.status === "backoff" ? [{ step, task }] : []));
        const retrying = run.endedMs === 0 ? waiting.filter(({ step }) => mayRetry(run.steps[step]?.status)) : [];
        const summary = summarise(run, plan.steps, retryingOf(run));
        expect(summary).toMatchObject({
          status: run.status,
          retryingSteps: retrying.length,
          nextAttemptMs: retrying.map(({ task }) => task.retryAtMs).toSorted((a, b) => a - b)[0] ?? 0,
          stepsTotal: run.steps.length,
          stepsSettled: plan.steps.filter(({ index }) => isSettled(run, index)).length,
        });
        if (run.failure !== null) expect(summary.failure).toBe(run.failure.failure);
        else expect(summary.failure !== null && summary.failedStep !== "").toBe(retrying.length > 0);
      });
    }),
    { numRuns: 300 },
  );
});

/** Items of a step that has failed are tried no more. */
function mayRetry(step: string | undefined): boolean {
  return step === "backoff" || step === "fanned-out";
}
