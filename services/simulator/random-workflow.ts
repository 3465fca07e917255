// Random workflows: graphs of all kinds of steps, with every policy that can go wrong.
import type { Prng } from "@millrace/clock/prng.ts";
import type { Definition, StepDefinition, Template } from "@millrace/model/definition.ts";
import { workflowName } from "@millrace/model/ids.ts";
import { between, pick, pickAny, weighted } from "./choice.ts";
import { randomChild } from "./random-child.ts";

/** The task types the simulated workers serve. */
export const TASK_TYPES = ["t.a", "t.b", "t.c"] as const;
/** The signals that simulated clients send. */
export const SIGNAL_NAMES = ["go", "ok"] as const;

const STEPS_MAX = 6;

/** A definition that passes every check; its runs take inputs of {@link randomInput}, and may start the `callable` ones. */
export function randomDefinition(prng: Prng, name: string, callable: readonly string[]): Definition {
  const steps: StepDefinition[] = [];
  const count = between(prng, 1, STEPS_MAX);
  for (let ordinal = 0; ordinal < count; ordinal++) steps.push(randomStep(prng, ordinal, steps, callable));
  const passed = prng.chance(0.3) ? pickAny(prng, steps) : undefined;
  return {
    name: workflowName(name),
    triggers: [],
    steps,
    output: passed === undefined ? null : `\${steps.${passed.name}.output}`,
    hasOutput: passed !== undefined,
    timeoutMs: pick(prng, [0, 0, 0, 0, 8_000, 90_000, 200_000]),
  };
}

/** Ends at once: for bursts of starts that shall cost nothing but their starts. */
export function momentaryDefinition(name: string): Definition {
  const step = {
    ...plainStep("only", []),
    uses: "transform",
    kind: "transform",
    with: "${input}",
    hasWith: true,
    child: null,
  } as const;
  return { name: workflowName(name), triggers: [], steps: [step], output: null, hasOutput: false, timeoutMs: 0 };
}

/** The JSON text of an input; a few are so large that they become blobs. */
export function randomInput(prng: Prng): string {
  const items = Array.from({ length: between(prng, 0, 8) }, (_, index) => index);
  const pad = prng.chance(0.01) ? "x".repeat(70_000) : "";
  return JSON.stringify({ n: prng.below(10), items, pad });
}

function plainStep(name: string, needs: readonly string[]): StepDefinition {
  return {
    name,
    uses: TASK_TYPES[0],
    kind: "task",
    needs,
    if: null,
    forEach: null,
    maxConcurrency: 100,
    with: null,
    hasWith: false,
    child: null,
    attemptTimeoutMs: 300_000,
    stepTimeoutMs: 0,
    retry: { maxAttempts: 5, initialDelayMs: 500, maxDelayMs: 60_000, multiplier: 2 },
  };
}

function randomStep(
  prng: Prng,
  ordinal: number,
  earlier: readonly StepDefinition[],
  callable: readonly string[],
): StepDefinition {
  const needs = earlier.map((step) => step.name).filter(() => prng.chance(0.45));
  const plain = { ...plainStep(`s${ordinal}`, needs), if: randomCondition(prng, needs) };
  const kind = weighted(prng, [
    ["task", 10],
    ["items", 4],
    ["transform", 3],
    ["sleep", 3],
    ["signal", 3],
    ["child", callable.length === 0 ? 0 : 5],
  ]);
  switch (kind) {
    case "task":
      return { ...plain, ...randomTask(prng), ...randomWith(prng, needs) };
    case "items":
      return { ...plain, ...randomTask(prng), forEach: "input.items", maxConcurrency: between(prng, 1, 5) };
    case "child":
      return { ...plain, ...randomChild(prng, callable) };
    case "transform":
      return { ...plain, uses: "transform", kind: "transform", with: randomTemplate(prng, needs), hasWith: true };
    case "sleep":
      return { ...plain, uses: "sleep", kind: "sleep", with: randomSleep(prng), hasWith: true };
    case "signal": {
      const stepTimeoutMs = pick(prng, [0, 5_000, 90_000]);
      return {
        ...plain,
        uses: "signal",
        kind: "signal",
        with: { name: pick(prng, SIGNAL_NAMES) },
        hasWith: true,
        child: null,
        stepTimeoutMs,
      };
    }
  }
}

function randomTask(prng: Prng): Pick<StepDefinition, "uses" | "attemptTimeoutMs" | "stepTimeoutMs" | "retry"> {
  return {
    uses: pick(prng, TASK_TYPES),
    attemptTimeoutMs: pick(prng, [300, 2_000, 10_000, 150_000, 300_000]),
    stepTimeoutMs: pick(prng, [0, 0, 0, 3_000, 20_000, 100_000]),
    retry: {
      maxAttempts: between(prng, 1, 4),
      initialDelayMs: pick(prng, [10, 500, 2_000, 80_000]),
      maxDelayMs: pick(prng, [1_000, 90_000]),
      multiplier: 2,
    },
  };
}

function randomCondition(prng: Prng, needs: readonly string[]): string | null {
  if (!prng.chance(0.25)) return null;
  const need = pickAny(prng, needs);
  if (need !== undefined && prng.chance(0.4))
    return pick(prng, [`steps.${need}.status == "completed"`, `steps.${need}.output != ${prng.below(6)}`]);
  return `input.n > ${prng.below(6)}`;
}

function randomWith(prng: Prng, needs: readonly string[]): Pick<StepDefinition, "with" | "hasWith"> {
  return prng.chance(0.5) ? { with: randomTemplate(prng, needs), hasWith: true } : { with: null, hasWith: false };
}

function randomTemplate(prng: Prng, needs: readonly string[]): Template {
  const need = pickAny(prng, needs);
  const drawn = weighted(prng, [
    ["input", 4],
    ["constant", 2],
    ["computed", 4],
    ["output", 4],
    ["faulty", 1],
  ]);
  switch (drawn) {
    case "input":
      return "${input}";
    case "constant":
      return { fixed: true };
    case "computed":
      return { twice: "${input.n + input.n}", who: "run ${run.id}" };
    case "output":
      return need === undefined ? "${input.items}" : { before: `\${steps.${need}.output}` };
    case "faulty":
      return "${input.nothing.there}";
  }
}

function randomSleep(prng: Prng): Template {
  if (prng.chance(0.15)) return { until: "2026-01-01T00:00:20Z" };
  return { for: pick(prng, ["30ms", "2s", "7s", "45s", "75s", "130s"]) };
}
