import type { Definition, StepDefinition, Template } from "@millrace/model/definition.ts";
import { workflowName } from "@millrace/model/ids.ts";
import { type Json, json, RUN_INPUT } from "@millrace/model/payload.ts";
import { expect, test } from "vitest";
import { checkExpressions, compilePlan } from "./compile.ts";
import {
  FOR_EACH_BYTES_MAX,
  FOR_EACH_ITEMS_MAX,
  type InputPlan,
  type Plan,
  type PlanStep,
  readsOf,
  type Scope,
} from "./plan.ts";

const RETRY = { maxAttempts: 5, initialDelayMs: 500, maxDelayMs: 60_000, multiplier: 2 };

function step(name: string, fields: Partial<StepDefinition>): StepDefinition {
  const rest = {
    if: null,
    forEach: null,
    maxConcurrency: 100,
    with: null,
    hasWith: fields.with !== undefined,
    child: null,
  };
  const times = { attemptTimeoutMs: 300_000, stepTimeoutMs: 0, retry: RETRY };
  return { name, uses: "a.task", kind: "task", needs: [], ...rest, ...times, ...fields };
}

function definition(steps: readonly StepDefinition[], output?: Template): Definition {
  const hasOutput = output !== undefined;
  return { name: workflowName("w"), triggers: [], steps, output: output ?? null, hasOutput, timeoutMs: 0 };
}

function scopeOf(input: unknown, outputs: readonly unknown[] = [], item: Json | null = null): Scope {
  return {
    input: () => json(JSON.stringify(input)),
    output: (ordinal) => json(JSON.stringify(outputs[ordinal] ?? null)),
    status: () => "completed",
    run: { id: "r", workflow: "w", version: 1, tenant: "t", epoch: 1, startedMs: 0 },
    item,
    itemIndex: item === null ? -1 : 0,
  };
}

function stepOf(plan: Plan, name: string): PlanStep {
  const found = plan.steps.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no step ${name}`);
  return found;
}

/** The input plan of the last of these steps, with `a` and `b` before it. */
function inputOf(fields: Partial<StepDefinition>): InputPlan {
  const steps = [step("a", {}), step("b", { needs: ["a"] }), step("c", { needs: ["b"], ...fields })];
  return stepOf(compilePlan(definition(steps)), "c").input;
}

test("inputs that pass a value on are recognised and never parsed", () => {
  expect(inputOf({ needs: [] })).toEqual({ type: "passed", from: RUN_INPUT });
  expect(inputOf({})).toEqual({ type: "passed", from: 1 });
  expect(inputOf({ with: "${steps.a.output}" })).toEqual({ type: "passed", from: 0 });
  expect(inputOf({ with: "${ steps['b'].output }" })).toEqual({ type: "passed", from: 1 });
  expect(inputOf({ with: "${input}" })).toEqual({ type: "passed", from: RUN_INPUT });
  expect(inputOf({ with: "${trigger}" })).toEqual({ type: "passed", from: RUN_INPUT });
  expect(inputOf({ with: "${item}", forEach: "input.list" })).toEqual({ type: "item" });
  expect(inputOf({ forEach: "input.list" })).toEqual({ type: "item" });
  expect(inputOf({ with: { a: [1, "$${x}"] } })).toEqual({ type: "constant", value: '{"a":[1,"${x}"]}' });
  expect(inputOf({ with: null, hasWith: true })).toEqual({ type: "constant", value: "null" });
  expect(inputOf({ with: "${steps.a.output.x}" }).type).toBe("computed");
});

test("without `with` several needs become an object by name, spliced from their texts", () => {
  const steps = [step("a", {}), step("b", {}), step("c", { needs: ["b", "a"] })];
  const plan = compilePlan(definition(steps, "done"));
  const { input } = stepOf(plan, "c");
  if (input.type !== "computed") throw new Error("not computed");
  expect(input.template.evaluate(scopeOf(null, [{ z: 1 }, [2]]))).toEqual({
    type: "value",
    value: '{"b":[2],"a":{"z":1}}',
  });
  expect(stepOf(plan, "c").reads).toEqual([1, 0]);
});

test("a transform's output is always made, so that its size is bounded", () => {
  const steps = [
    step("a", {}),
    step("b", { uses: "transform", kind: "transform", needs: ["a"], with: "${steps.a.output}" }),
  ];
  const plan = compilePlan(definition(steps, "done"));
  const { input } = stepOf(plan, "b");
  if (input.type !== "computed") throw new Error("not computed");
  expect(input.template.evaluate(scopeOf(null, [{ z: 1 }]))).toEqual({ type: "value", value: '{"z":1}' });
  expect(input.template.evaluate(scopeOf(null, ["x".repeat(70_000)]))).toMatchObject({
    type: "failed",
    failure: { code: "EXPRESSION_TOO_LARGE" },
  });
  expect(stepOf(plan, "b").reads).toEqual([0]);
});

test("the run's output is the template, or the last steps' outputs by name", () => {
  const steps = [step("a", {}), step("b", { needs: ["a"] }), step("c", { needs: ["a"] })];
  expect(compilePlan(definition(steps, "${steps.b.output}")).output).toEqual({ type: "passed", from: 1 });
  expect(compilePlan(definition(steps, "done")).output).toEqual({ type: "constant", value: '"done"' });
  const { output } = compilePlan(definition(steps));
  const value = output.type === "computed" ? output.template.evaluate(scopeOf(null, [0, 1, { c: 2 }])) : undefined;
  expect(value).toEqual({ type: "value", value: '{"b":1,"c":{"c":2}}' });
});

test("roots, dependants and what is read when", () => {
  const steps = [
    step("a", {}),
    step("b", { needs: ["a"], if: "input.ok" }),
    step("c", { needs: ["b"], forEach: "steps.a.output.list", with: { n: "${item.n}", all: "${steps.b.output}" } }),
  ];
  const plan = compilePlan(definition(steps, "${steps.c.output}"));
  expect(plan.roots).toEqual([0]);
  expect(plan.steps.map(({ needs, dependants }) => ({ needs, dependants }))).toEqual([
    { needs: [], dependants: [1] },
    { needs: [0], dependants: [2] },
    { needs: [1], dependants: [] },
  ]);
  expect(plan.steps.map(({ reads }) => reads)).toEqual([[], [RUN_INPUT], [0]]);
  expect(readsOf(stepOf(plan, "c").input)).toEqual([1]);
  expect(readsOf(plan.output)).toEqual([]);
});

test("an expression reads only steps that it surely comes after", () => {
  const steps = [
    step("a", {}),
    step("b", { needs: ["a"] }),
    step("c", { needs: ["b"], with: "${steps.a.output.x}" }),
    step("d", { needs: ["a"], with: "${steps.b.status}" }),
  ];
  expect(checkExpressions(definition(steps))).toEqual([
    {
      path: ["steps", "d", "with"],
      source: "steps.b.status",
      message: "it reads step `b`, which this step does not need",
      fix: "Add `b` to `needs`, so that it is done before.",
      offset: 0,
    },
  ]);
  expect(() => compilePlan(definition(steps))).toThrow("steps.d.with: it reads step `b`");
});

test("conditions are true, false or a failure", () => {
  const { condition } = stepOf(compilePlan(definition([step("a", { if: "input.ok" })])), "a");
  expect(condition?.evaluate(scopeOf({ ok: true }))).toEqual({ type: "value", value: true });
  expect(condition?.evaluate(scopeOf({ ok: false }))).toEqual({ type: "value", value: false });
  expect(condition?.evaluate(scopeOf({ ok: 1 }))).toMatchObject({
    type: "failed",
    failure: { code: "EXPRESSION_TYPE", message: "steps.a.if: `input.ok`: an `if` needs true or false, not double" },
  });
});

test("a forEach gives its items as JSON, within its bounds", () => {
  const { forEach } = stepOf(compilePlan(definition([step("a", { forEach: "input" })])), "a");
  expect(forEach?.evaluate(scopeOf([1, "b", { c: null }]))).toEqual({
    type: "value",
    value: ["1", '"b"', '{"c":null}'],
  });
  expect(forEach?.evaluate(scopeOf([]))).toEqual({ type: "value", value: [] });
  expect(forEach?.evaluate(scopeOf({}))).toMatchObject({ type: "failed", failure: { code: "EXPRESSION_TYPE" } });
  const tooMany = Array.from({ length: FOR_EACH_ITEMS_MAX + 1 }, () => 1);
  expect(forEach?.evaluate(scopeOf(tooMany.slice(1))).type).toBe("value");
  expect(forEach?.evaluate(scopeOf(tooMany))).toMatchObject({ failure: { code: "EXPRESSION_TOO_LARGE" } });
  const tooLong = Array.from({ length: 257 }, () => "x".repeat(FOR_EACH_BYTES_MAX / 256 - 2));
  expect(forEach?.evaluate(scopeOf(tooLong.slice(1))).type).toBe("value");
  expect(forEach?.evaluate(scopeOf(tooLong))).toMatchObject({ failure: { code: "EXPRESSION_TOO_LARGE" } });
});

function sleep(input: Template) {
  const plan = compilePlan(definition([step("nap", { uses: "sleep", kind: "sleep", with: input })]));
  return (data: unknown) => stepOf(plan, "nap").sleepUntil?.(scopeOf(data), 1_000);
}

test.each<[Template, unknown, number]>([
  [{ for: "10s" }, null, 11_000],
  [{ for: "1h30m" }, null, 5_401_000],
  [{ for: "${input.delay}" }, { delay: "500ms" }, 1_500],
  [{ for: "${duration('1m') + duration('1s')}" }, null, 62_000],
  [{ until: "1970-01-01T00:01:00Z" }, null, 60_000],
  [{ until: "${input.at}" }, { at: "1970-01-01T01:01:00+01:00" }, 60_000],
  [{ until: "${run.startTime + duration('2m')}" }, null, 120_000],
])("a sleep with %j and input %j ends at %d", (input, data, wakeUpMs) => {
  expect(sleep(input)(data)).toEqual({ type: "value", value: wakeUpMs });
});

test.each([
  [{ for: "${input.delay}" }, { delay: 5 }, "EXPRESSION_TYPE"],
  [{ for: "${input.delay}" }, { delay: "soon" }, "EXPRESSION_FAILED"],
  [{ for: "${input.delay}" }, { delay: "-5s" }, "EXPRESSION_FAILED"],
  [{ for: "${input.delay}" }, { delay: "4000d" }, "EXPRESSION_FAILED"],
  [{ until: "${input.at}" }, { at: "tomorrow" }, "EXPRESSION_FAILED"],
])("a sleep with %j and input %j fails", (input, data, code) => {
  expect(sleep(input)(data)).toMatchObject({ type: "failed", failure: { code } });
});

test("a signal's name is fixed or computed", () => {
  const named = (name: string) =>
    stepOf(compilePlan(definition([step("s", { uses: "signal", kind: "signal", with: { name } })])), "s").signal;
  expect(named("approved")?.evaluate(scopeOf(null))).toEqual({ type: "value", value: "approved" });
  expect(named("${'order-' + input.id}")?.evaluate(scopeOf({ id: "7" }))).toEqual({ type: "value", value: "order-7" });
  expect(named("${input.id}")?.evaluate(scopeOf({ id: "" }))).toMatchObject({ failure: { code: "EXPRESSION_FAILED" } });
  expect(named("${input.id}")?.evaluate(scopeOf({ id: 7 }))).toMatchObject({ failure: { code: "EXPRESSION_TYPE" } });
});
