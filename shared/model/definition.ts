// A workflow definition after parsing: checked, defaults filled in, durations in ms. This very object, as JSON,
// is what the registry stores and a shard pins; the plan is compiled from it.
import type { WorkflowName } from "./ids.ts";

/** The most UTF-8 bytes of a definition as JSON: as many as its source may have, so that aliases and escapes buy nothing. */
export const DEFINITION_BYTES_MAX = 256 * 1024;

/** The most steps of a definition. */
export const STEPS_MAX = 500;

/** A JSON value that may hold `${…}` expressions in its strings. */
export type Template = null | boolean | number | string | readonly Template[] | { readonly [key: string]: Template };

/** Exponential backoff with full jitter. */
export interface RetryPolicy {
  /** Attempts in all, the first included; 1 = never again. 1 to 100, default 5. */
  readonly maxAttempts: number;
  /** Upper bound of the first delay, ms. Default 500. */
  readonly initialDelayMs: number;
  /** Upper bound of any delay, ms. Default 60,000. */
  readonly maxDelayMs: number;
  /** Growth of the upper bound per attempt. Default 2. */
  readonly multiplier: number;
}

/** What a step does: `task` types run on workers, a `workflow` starts a run of its own; the others are decided inside the engine. */
export type StepKind = "task" | "transform" | "sleep" | "signal" | "workflow";

/** What happens to a child under way when its parent is cancelled, fails, times out or is terminated. */
export type OnCancel = "cancel" | "terminate" | "abandon";

/** The run that a `workflow` step starts; its input is the step's `with`. */
export interface ChildDefinition {
  /** The workflow's name: text or one `${…}`. */
  readonly name: string;
  /** From 1; 0 = the newest when the child starts. */
  readonly version: number;
  /** Whether the step ends with the child and has its output; else it is done once the child has durably begun. */
  readonly wait: boolean;
  /** Always `abandon` without `wait`. */
  readonly onCancel: OnCancel;
}

export interface StepDefinition {
  readonly name: string;
  /** The task type a worker serves (`http`, `acme.charge`), or `transform`, `sleep`, `signal`, `workflow`. */
  readonly uses: string;
  readonly kind: StepKind;
  /** Names of the steps that must be settled first. */
  readonly needs: readonly string[];
  /** CEL source without `${}`; null = always. A false value skips the step. */
  readonly if: string | null;
  /** CEL source of the list to run the step over; null = once. */
  readonly forEach: string | null;
  /** How many items run at once, 1 to 1,000; default 100. Meaningless without `forEach`. */
  readonly maxConcurrency: number;
  /** The input of the task or child. null = the output of the only step it needs, else the run's input. */
  readonly with: Template;
  /** Whether `with` was written at all (a written null is a null input). */
  readonly hasWith: boolean;
  /** null unless `kind` is `workflow`. */
  readonly child: ChildDefinition | null;
  /** Time-out of one attempt from dispatch to result, ms. Default 300,000. */
  readonly attemptTimeoutMs: number;
  /** Time-out of the step from first schedule to result, waiting included, ms; 0 = none. For `signal` and `workflow` the only one. */
  readonly stepTimeoutMs: number;
  readonly retry: RetryPolicy;
}

/** How a webhook proves who sent it. */
export type WebhookVerification =
  | { readonly scheme: "github"; readonly secret: string }
  | { readonly scheme: "standard-webhooks"; readonly secret: string; readonly toleranceMs: number }
  | { readonly scheme: "none" };

/** What starts runs by itself. */
export interface WebhookTrigger {
  readonly type: "webhook";
  /** Path below `/webhooks/`, e.g. `shop/orders`. */
  readonly path: string;
  readonly verify: WebhookVerification;
  /** Header names (lower case) handed to the run beside the scheme's own event headers. */
  readonly headers: readonly string[];
}

export interface Definition {
  readonly name: WorkflowName;
  readonly triggers: readonly WebhookTrigger[];
  /** In topological order; a step's ordinal in this list is its identity in events. At most {@link STEPS_MAX}. */
  readonly steps: readonly StepDefinition[];
  /** The run's output; null without `hasOutput` = the outputs of the steps nobody needs, by name. */
  readonly output: Template;
  readonly hasOutput: boolean;
  /** Time-out of the whole run, ms; 0 = none. */
  readonly timeoutMs: number;
}

/** A definition's identity: version numbers count up from 1 for each name and are never reused. */
export interface DefinitionRef {
  readonly name: WorkflowName;
  readonly version: number;
}
