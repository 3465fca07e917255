// The front door: sources in, {@link Expression}s out, or what is wrong with them.
import type { Failure } from "@millrace/model/failure.ts";
import { INLINE_PAYLOAD_BYTES_MAX, type Json, RUN_INPUT } from "@millrace/model/payload.ts";
import { type Evaluated, type Expression, FOR_EACH_BYTES_MAX, FOR_EACH_ITEMS_MAX, type Scope } from "../plan/plan.ts";
import { bool } from "./arithmetic.ts";
import { NO_LOCALS } from "./binders.ts";
import { Compiler } from "./compile-node.ts";
import { isGlobal } from "./compiling.ts";
import { Fault, wrongType } from "./fault.ts";
import { type Evaluate, Frame } from "./frame.ts";
import { type ExpressionProblem, parseCel } from "./grammar.ts";
import { JsonWriter, utf8Bytes } from "./json-value.ts";
import { Refused, type Site } from "./site.ts";
import { isList, kindOf, type Value } from "./value.ts";

/** The ordinal {@link CompiledValue.passed} has for an item. */
export const PASSED_ITEM = -2;

/** CEL that compiled: how to evaluate it, and what it reads. */
export interface CompiledValue {
  readonly type: "compiled";
  readonly source: string;
  readonly evaluate: Evaluate;
  /** As in {@link Expression.reads}. */
  readonly reads: readonly number[];
  /** The step, RUN_INPUT or PASSED_ITEM when the expression is that value itself, unchanged; else null. */
  readonly passed: number | null;
}

export type Compiled = CompiledValue | { readonly type: "problem"; readonly problem: ExpressionProblem };

/** Parses, type-checks and compiles one expression. `types` are the static types its place can take; `dyn` always fits. */
export function compileValue(source: string, site: Site, types: readonly string[]): Compiled {
  const parsed = parseCel(source);
  if ("message" in parsed) return { type: "problem", problem: withHyphenHint(parsed, source, site) };
  const type = parsed.type.replace(/<.*$/, "");
  if (types.length > 0 && type !== "dyn" && !types.includes(type)) {
    const problem = {
      message: `it gives ${type}, not ${types.join(" or ")}`.replaceAll("google.protobuf.", ""),
      fix: "Compare or convert the value.",
      offset: 0,
    };
    return { type: "problem", problem };
  }
  try {
    const compiler = new Compiler(source, site);
    const evaluate = compiler.node(parsed.ast, NO_LOCALS);
    const whole = compiler.stepMember(parsed.ast, NO_LOCALS);
    let passed = whole?.member === "output" ? whole.step : null;
    if (isGlobal(parsed.ast, "input", NO_LOCALS) || isGlobal(parsed.ast, "trigger", NO_LOCALS)) passed = RUN_INPUT;
    if (isGlobal(parsed.ast, "item", NO_LOCALS)) passed = PASSED_ITEM;
    return { type: "compiled", source, evaluate, reads: [...compiler.reads], passed };
  } catch (error: unknown) {
    if (error instanceof Refused) return { type: "problem", problem: error.problem };
    throw error;
  }
}

/** An `if`. */
export function conditionOf(compiled: CompiledValue, field: string): Expression<boolean> {
  return expressionOf(compiled, field, (value) => bool(value, "an `if`"));
}

/** A `forEach`: each element as JSON. */
export function itemsOf(compiled: CompiledValue, field: string): Expression<readonly Json[]> {
  return expressionOf(compiled, field, (value, frame) => {
    if (!isList(value)) {
      throw wrongType(
        `a \`forEach\` needs a list, not ${kindOf(value)}`,
        "Select the list, or write .?field.orValue([]).",
      );
    }
    if (value.length > FOR_EACH_ITEMS_MAX) {
      const message = `the list has ${value.length} items, more than ${FOR_EACH_ITEMS_MAX}`;
      throw new Fault("EXPRESSION_TOO_LARGE", message, "Make each item a batch of several.");
    }
    let bytes = 0;
    return value.map((item) => {
      const writer = new JsonWriter(INLINE_PAYLOAD_BYTES_MAX, frame.meter);
      writer.value(item);
      const text = writer.end();
      bytes += utf8Bytes(text);
      if (bytes <= FOR_EACH_BYTES_MAX) return text;
      const message = `the items have more than ${FOR_EACH_BYTES_MAX} bytes of JSON together`;
      throw new Fault("EXPRESSION_TOO_LARGE", message, "Select what each item needs: .map(x, x.id).");
    });
  });
}

/** An expression whose value `take` turns into what its place needs. */
export function expressionOf<Result>(
  compiled: CompiledValue,
  field: string,
  take: (value: Value, frame: Frame) => Result,
): Expression<Result> {
  const { source, evaluate, reads } = compiled;
  return {
    reads,
    evaluate: (scope) => evaluated(scope, (frame) => inPlace(field, source, () => take(evaluate(frame), frame))),
  };
}

/** Runs one evaluation to its value or its failure. */
export function evaluated<Result>(scope: Scope, body: (frame: Frame) => Result): Evaluated<Result> {
  try {
    return { type: "value", value: body(new Frame(scope)) };
  } catch (error: unknown) {
    if (error instanceof Fault) return { type: "failed", failure: failureOf(error) };
    throw error;
  }
}

/** Expressions are quoted in failures up to this many characters. */
const QUOTED_CHARACTERS_MAX = 200;

/** Names the place in any fault that passes. */
export function inPlace<Result>(field: string, source: string, body: () => Result): Result {
  try {
    return body();
  } catch (error: unknown) {
    if (error instanceof Fault && error.place === "") {
      const quoted = source.length > QUOTED_CHARACTERS_MAX ? `${source.slice(0, QUOTED_CHARACTERS_MAX)}…` : source;
      error.place = `${field}: \`${quoted.trim()}\``;
    }
    throw error;
  }
}

/** Longest message (model/failure.ts). */
const MESSAGE_CHARACTERS_MAX = 4_096;

function failureOf(fault: Fault): Failure {
  const message = `${fault.place}: ${fault.message}`.slice(0, MESSAGE_CHARACTERS_MAX).toWellFormed();
  return { code: fault.code, class: "permanent", message, guidance: fault.guidance, retryAfterMs: 0 };
}

/** `steps.a-b` is a subtraction to CEL. */
function withHyphenHint(problem: ExpressionProblem, source: string, site: Site): ExpressionProblem {
  for (const name of site.ordinals.keys()) {
    if (!name.includes("-") || !source.includes(`steps.${name}`)) continue;
    return { ...problem, fix: `\`-\` is a minus here: write steps["${name}"].` };
  }
  return problem;
}
