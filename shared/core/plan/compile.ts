// Definition → Plan. The same walk checks expressions for whoever registers a definition and compiles them for whoever
// runs it, so the two can never disagree.
import type { Definition, StepDefinition } from "@millrace/model/definition.ts";
import { JSON_NULL, RUN_INPUT } from "@millrace/model/payload.ts";
import { type CompiledValue, compileValue, conditionOf, itemsOf } from "../expression/compile-expression.ts";
import type { Site } from "../expression/site.ts";
import {
  compileTemplate,
  madeInPlace,
  outputsByName,
  type Path,
  type PlacedProblem,
  pathText,
} from "../expression/template.ts";
import { type Ancestry, ancestryOf } from "./ancestry.ts";
import { childWorkflow } from "./child.ts";
import { type ChildPlan, type InputPlan, type Plan, type PlanStep, readsOf } from "./plan.ts";
import { signalName, sleepUntil } from "./waiting.ts";

/** Compiles a definition that was checked; one with mistakes is a broken invariant and throws. */
export function compilePlan(definition: Definition): Plan {
  const problems: PlacedProblem[] = [];
  const plan = new PlanCompiler(definition, problems).plan();
  const [first] = problems;
  if (first === undefined) return plan;
  throw new Error(
    `Workflow ${definition.name} has an unchecked definition: ${pathText(first.path)}: ${first.message}.`,
  );
}

/** What is wrong with the expressions of a definition whose shape is right, its steps in topological order. */
export function checkExpressions(definition: Definition): readonly PlacedProblem[] {
  const problems: PlacedProblem[] = [];
  new PlanCompiler(definition, problems).plan();
  return problems;
}

/** A step whose expressions have mistakes still gets a plan, so that all mistakes are found at once. */
class PlanCompiler {
  readonly #definition: Definition;
  readonly #problems: PlacedProblem[];
  readonly #ordinals: ReadonlyMap<string, number>;
  readonly #ancestry: Ancestry;

  constructor(definition: Definition, problems: PlacedProblem[]) {
    this.#definition = definition;
    this.#problems = problems;
    this.#ordinals = new Map(definition.steps.map((step, ordinal) => [step.name, ordinal]));
    this.#ancestry = ancestryOf(definition, this.#ordinals);
  }

  plan(): Plan {
    const definition = this.#definition;
    const dependants: number[][] = definition.steps.map(() => []);
    for (const [ordinal, step] of definition.steps.entries()) {
      for (const need of this.#needs(step)) dependants[need]?.push(ordinal);
    }
    const steps = definition.steps.map((step, ordinal) => this.#step(step, ordinal, dependants[ordinal] ?? []));
    const output = this.#output(steps);
    return {
      definition,
      steps,
      roots: steps.filter((step) => step.needs.length === 0).map((step) => step.index),
      output,
      timeoutMs: definition.timeoutMs,
    };
  }

  #step(step: StepDefinition, ordinal: number, dependants: readonly number[]): PlanStep {
    const path = ["steps", step.name];
    const site = this.#site(ordinal, false);
    const condition = this.#expression(step.if, [...path, "if"], site, ["bool"]);
    const forEach = this.#expression(step.forEach, [...path, "forEach"], site, ["list"]);
    const waits = step.kind === "sleep" || step.kind === "signal";
    const withPath = step.child === null ? [...path, "with"] : [...path, "with", "input"];
    const wait = { step, path: withPath, site, problems: this.#problems };
    const sleep = step.kind === "sleep" ? sleepUntil(wait) : null;
    const signal = step.kind === "signal" ? signalName(wait) : null;
    const child = this.#child(step, ordinal);
    const input: InputPlan = waits ? { type: "constant", value: JSON_NULL } : this.#input(step, withPath, ordinal);
    const attemptReads = [...new Set([...readsOf(input), ...(child?.workflow.reads ?? [])])];
    const begins = forEach?.reads ?? [...attemptReads, ...(sleep?.reads ?? []), ...(signal?.reads ?? [])];
    return {
      index: ordinal,
      name: step.name,
      uses: step.uses,
      kind: step.kind,
      needs: this.#needs(step),
      dependants,
      condition: condition === null ? null : conditionOf(condition, pathText([...path, "if"])),
      forEach: forEach === null ? null : itemsOf(forEach, pathText([...path, "forEach"])),
      input,
      reads: [...new Set([...(condition?.reads ?? []), ...begins])],
      attemptReads,
      sleepUntil: sleep?.wakeUp ?? null,
      signal,
      child,
      maxConcurrency: step.maxConcurrency,
      attemptTimeoutMs: step.attemptTimeoutMs,
      stepTimeoutMs: step.stepTimeoutMs,
      retry: step.retry,
    };
  }

  #child({ name, forEach, child }: StepDefinition, ordinal: number): ChildPlan | null {
    if (child === null) return null;
    const site = this.#site(ordinal, forEach !== null);
    const workflow = childWorkflow(child, { path: ["steps", name, "with"], site, problems: this.#problems });
    const { version, wait, onCancel } = child;
    return workflow === null ? null : { workflow, version, wait, onCancel };
  }

  #needs(step: StepDefinition): readonly number[] {
    return step.needs.map((name) => this.#ordinals.get(name)).filter((need) => need !== undefined);
  }

  /** `with`, or what stands for it: the item, the only needed step's output, several outputs by name, the run's input. */
  #input(step: StepDefinition, path: Path, ordinal: number): InputPlan {
    if (step.hasWith) {
      const site = this.#site(ordinal, step.forEach !== null);
      const written = compileTemplate(step.with, path, site, this.#problems);
      return step.kind === "transform" ? madeInPlace(written, pathText(path)) : written;
    }
    if (step.forEach !== null) return { type: "item" };
    const needs = this.#needs(step);
    const [only] = needs;
    if (only === undefined) return { type: "passed", from: RUN_INPUT };
    if (needs.length === 1) return { type: "passed", from: only };
    return outputsByName(this.#named(needs), pathText(path));
  }

  /** `output`, or the outputs of the steps nobody needs, by name. */
  #output(steps: readonly PlanStep[]): InputPlan {
    const { output, hasOutput } = this.#definition;
    const everything: Site = { field: "output", ordinals: this.#ordinals, readable: () => true, hasItem: false };
    if (hasOutput) return compileTemplate(output, ["output"], everything, this.#problems);
    const last = steps.filter((step) => step.dependants.length === 0).map((step) => step.index);
    return outputsByName(this.#named(last), "output");
  }

  #named(ordinals: readonly number[]): readonly (readonly [string, number])[] {
    return ordinals.map((ordinal) => [this.#definition.steps[ordinal]?.name ?? "", ordinal] as const);
  }

  #expression(source: string | null, path: Path, site: Site, types: readonly string[]): CompiledValue | null {
    if (source === null) return null;
    const compiled = compileValue(source, site, types);
    if (compiled.type === "compiled") return compiled;
    this.#problems.push({ ...compiled.problem, path, source });
    return null;
  }

  #site(ordinal: number, hasItem: boolean): Site {
    const readable = (earlier: number): boolean => this.#ancestry(ordinal, earlier);
    return { field: "", ordinals: this.#ordinals, readable, hasItem };
  }
}
