// A definition compiled for deciding: names turned into ordinals, expressions parsed, pass-through inputs recognised.
import type { Definition, OnCancel, RetryPolicy, StepKind } from "@millrace/model/definition.ts";
import type { Failure } from "@millrace/model/failure.ts";
import type { WorkflowName } from "@millrace/model/ids.ts";
import type { Json } from "@millrace/model/payload.ts";

/** What expressions may read of a run. Asked only for what an expression names; texts are parsed on demand. */
export interface Scope {
  /** The run's input. */
  input(): Json;
  /** A settled step's output; `null` JSON for a skipped one. Only asked for steps in {@link Expression.reads}. */
  output(step: number): Json;
  /** `completed`, `skipped`, … as seen by expressions. */
  status(step: number): string;
  readonly run: {
    readonly id: string;
    readonly workflow: string;
    readonly version: number;
    readonly tenant: string;
    readonly epoch: number;
    readonly startedMs: number;
  };
  /** Inside `forEach`: the item and its ordinal from 0. */
  readonly item: Json | null;
  readonly itemIndex: number;
}

/** Why an expression has no value: always a permanent failure, with a code of the catalogue. */
export type Evaluated<Value> =
  | { readonly type: "value"; readonly value: Value }
  | { readonly type: "failed"; readonly failure: Failure };

/** A compiled expression or template. */
export interface Expression<Value> {
  /** Ordinals of the steps whose output it reads, and RUN_INPUT if it reads the run's input. */
  readonly reads: readonly number[];
  evaluate(scope: Scope): Evaluated<Value>;
}

/** Where a step's input (or a transform's output) comes from. */
export type InputPlan =
  /** Unchanged from a step's output, or the run's input (RUN_INPUT): nothing is parsed. */
  | { readonly type: "passed"; readonly from: number }
  /** The item itself, unchanged. */
  | { readonly type: "item" }
  /** Fixed JSON: the `with` held no expression. */
  | { readonly type: "constant"; readonly value: Json }
  | { readonly type: "computed"; readonly template: Expression<Json> };

/** The run that a `workflow` step starts. */
export interface ChildPlan {
  readonly workflow: Expression<WorkflowName>;
  /** 0 = the newest when it starts. */
  readonly version: number;
  readonly wait: boolean;
  readonly onCancel: OnCancel;
}

export interface PlanStep {
  readonly index: number;
  readonly name: string;
  readonly uses: string;
  readonly kind: StepKind;
  readonly needs: readonly number[];
  readonly dependants: readonly number[];
  readonly condition: Expression<boolean> | null;
  /** Evaluates to the items' JSON texts, at most FOR_EACH_ITEMS_MAX. */
  readonly forEach: Expression<readonly Json[]> | null;
  readonly input: InputPlan;
  /** What is read to begin it, as in {@link Expression.reads}: by its condition, and its list or else its first attempt. */
  readonly reads: readonly number[];
  /** What is read to begin the first attempt of it, or of an item: by its input, and the name of a child's workflow. */
  readonly attemptReads: readonly number[];
  /** kind `sleep`: evaluates `with` ({for} or {until}) to the wake-up time; gets the moment it is decided at. */
  readonly sleepUntil: ((scope: Scope, nowMs: number) => Evaluated<number>) | null;
  /** kind `signal`: the name waited for. */
  readonly signal: Expression<string> | null;
  /** kind `workflow`. */
  readonly child: ChildPlan | null;
  readonly maxConcurrency: number;
  readonly attemptTimeoutMs: number;
  readonly stepTimeoutMs: number;
  readonly retry: RetryPolicy;
}

export interface Plan {
  readonly definition: Definition;
  readonly steps: readonly PlanStep[];
  /** Ordinals of the steps that need nobody. */
  readonly roots: readonly number[];
  readonly output: InputPlan;
  readonly timeoutMs: number;
}

/** What evaluating an input reads. */
export function readsOf(input: InputPlan): readonly number[] {
  return input.type === "computed" ? input.template.reads : NOTHING;
}

const NOTHING: readonly number[] = [];

/** The most items a `forEach` takes. */
export const FOR_EACH_ITEMS_MAX = 10_000;
/** The most bytes of JSON all items of a `forEach` have together: they travel in one event. */
export const FOR_EACH_BYTES_MAX = 256 * 1024;
