// Random workflows of every kind of step, small enough to be looked at.
import type { ChildDefinition, Definition, StepDefinition } from "@millrace/model/definition.ts";
import fc from "fast-check";
import { makeDefinition, makeStep } from "./make-plan.ts";

/** What runs of these workflows are started with: expressions of every kind read it. */
export const RUN_INPUT_TEXT = JSON.stringify({
  ...{ yes: true, no: false, list: [1, 2, 3, 4, 5], none: [] },
  ...{ pause: "5s", go: "go" },
});

export const SIGNAL_NAMES: readonly string[] = ["go", "stop"];

interface Shape {
  readonly kind: number;
  readonly needs: readonly number[];
  readonly condition: number;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly window: number;
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  kind: fc.nat(12),
  needs: fc.uniqueArray(fc.nat(5), { maxLength: 3 }),
  condition: fc.nat(9),
  timeoutMs: fc.constantFrom(0, 0, 0, 20_000),
  attempts: fc.integer({ min: 1, max: 3 }),
  window: fc.integer({ min: 1, max: 4 }),
});

/** One to six steps; sometimes a time-out of the whole run. */
export const arbitraryDefinition: fc.Arbitrary<Definition> = fc
  .record({
    steps: fc.array(shapes, { minLength: 1, maxLength: 6 }),
    timeoutMs: fc.constantFrom(0, 0, 0, 100_000),
  })
  .map(({ steps, timeoutMs }) => makeDefinition(steps.map(built), undefined, timeoutMs));

function built(shape: Shape, ordinal: number): StepDefinition {
  const needs = shape.needs.filter((need) => need < ordinal).map(nameOf);
  const retry = { maxAttempts: shape.attempts, initialDelayMs: 1000, maxDelayMs: 10_000, multiplier: 2 };
  const condition = conditionOf(shape, needs);
  const shared = { needs, if: condition, retry, stepTimeoutMs: shape.timeoutMs };
  return makeStep(nameOf(ordinal), { ...shared, ...kindOf(shape) });
}

function conditionOf({ condition }: Shape, needs: readonly string[]): string | null {
  const [need] = needs;
  switch (condition) {
    case 0:
      return "input.no";
    case 1:
      return "input.yes";
    case 2:
    case 3:
      return need === undefined ? null : `steps.${need}.output != ${condition}`;
    default:
      return null;
  }
}

function kindOf({ kind, window, timeoutMs }: Shape): Partial<StepDefinition> {
  switch (kind) {
    case 0:
      return { kind: "transform", uses: "transform", with: { list: "${input.list}" }, stepTimeoutMs: 0 };
    case 1:
      return { kind: "sleep", uses: "sleep", with: { for: window === 1 ? "${input.pause}" : "5s" }, stepTimeoutMs: 0 };
    case 2:
      return { kind: "signal", uses: "signal", with: { name: window === 1 ? "${input.go}" : "go" }, stepTimeoutMs: timeoutMs };
    case 3:
      return { kind: "signal", uses: "signal", with: { name: "stop" }, stepTimeoutMs: timeoutMs };
    case 4:
      return { forEach: "input.list", maxConcurrency: window };
    case 5:
      return { forEach: "input.list", maxConcurrency: window, with: { at: "${index}", of: "${item}", go: "${input.go}" } };
    case 6:
      return { forEach: "input.none", maxConcurrency: window };
    case 7:
      // Fails when it is evaluated.
      return window === 1 ? { with: { x: "${input.missing}" } } : { with: { x: "${input.list}" } };
    case 10:
      return { ...child({ wait: window < 4, onCancel: "cancel" }), with: { at: "${run.epoch}" } };
    case 11:
      return { ...child({ onCancel: window < 3 ? "terminate" : "abandon" }), forEach: "input.list", maxConcurrency: window };
    case 12:
      return child({ wait: false, onCancel: "abandon" });
    default:
      return {};
  }
}

function child(of: Partial<ChildDefinition>): Pick<StepDefinition, "kind" | "uses" | "child"> {
  return {
    kind: "workflow",
    uses: "workflow",
    child: { name: "${input.yes ? 'other' : ''}", version: 0, wait: true, onCancel: "cancel", ...of },
  };
}

function nameOf(ordinal: number): string {
  return `s${ordinal}`;
}
