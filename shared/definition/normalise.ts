// A definition as written → the Definition everything else works with: defaults filled in, durations in ms, steps in
// topological order. Values that were found wrong count as left out, so that the rest can still be checked.

import type { Path } from "@millrace/core/expression/template.ts";
import { splitText } from "@millrace/core/expression/text-template.ts";
import type {
  ChildDefinition,
  Definition,
  OnCancel,
  RetryPolicy,
  StepDefinition,
  StepKind,
  Template,
  WebhookTrigger,
  WebhookVerification,
} from "@millrace/model/definition.ts";
import { workflowName } from "@millrace/model/ids.ts";
import { durationMs } from "./duration-field.ts";
import { inOrder, knownNeeds, type Needs } from "./needs.ts";
import type { Finding } from "./problem.ts";

/** What is not written. */
const DEFAULTS = {
  maxConcurrency: 100,
  attemptTimeoutMs: 300_000,
  toleranceMs: 300_000,
  retry: { maxAttempts: 5, initialDelayMs: 500, maxDelayMs: 60_000, multiplier: 2 },
};

/** A child that failed has had its own retries. */
const CHILD_ATTEMPTS_DEFAULT = 1;

/** Task types that a later version decides itself. */
const RESERVED_USES: ReadonlySet<string> = new Set(["emit"]);

/** Keys whose values are maps (or lists of them) that are read field by field. */
const NESTED: ReadonlySet<string> = new Set(["on", "webhook", "verify", "steps", "timeout", "retry", "needs"]);

type Fields = { readonly [key: string]: unknown };

/** Whether a value has no findings. */
type Sound = (path: Path) => boolean;

/** The definition, or undefined when its steps are in no order; adds what is wrong beyond the schema to `findings`. */
export function normalise(value: unknown, sound: Sound, findings: Finding[]): Definition | undefined {
  return new Normaliser(sound, findings).definition(value);
}

class Normaliser {
  readonly #sound: Sound;
  readonly #findings: Finding[];

  constructor(sound: Sound, findings: Finding[]) {
    this.#sound = sound;
    this.#findings = findings;
  }

  definition(value: unknown): Definition | undefined {
    const root = this.#fields(value, [], ["name", "on", "steps", "output", "timeout"]);
    const written = new Map(Object.entries(fieldsOf(root["steps"])));
    const needs = knownNeeds(this.#needs(written), this.#findings);
    const order = inOrder(needs, this.#findings);
    const triggers = this.#triggers(root["on"]);
    const timeoutMs = durationMs(root["timeout"], ["timeout"], 0, this.#findings);
    const steps = (order ?? [...written.keys()]).map((name) =>
      this.#step(name, written.get(name), needs.get(name) ?? []),
    );
    if (order === undefined) return undefined;
    return {
      name: workflowName(textOf(root["name"])),
      triggers,
      steps,
      output: templateOf(root["output"]),
      hasOutput: Object.hasOwn(root, "output"),
      timeoutMs,
    };
  }

  #needs(steps: ReadonlyMap<string, unknown>): Needs {
    const needs = new Map<string, readonly string[]>();
    for (const [name, step] of steps) {
      const { needs: written } = this.#fields(step, ["steps", name], ["needs"]);
      needs.set(name, listOf(written).map(textOf));
    }
    return needs;
  }

  #step(name: string, written: unknown, needs: readonly string[]): StepDefinition {
    const path = ["steps", name];
    const keys = ["uses", "if", "forEach", "with", "maxConcurrency", "timeout", "retry"];
    const fields = this.#fields(written, path, keys);
    const uses = textOf(fields["uses"]);
    if (RESERVED_USES.has(uses)) {
      const message = `\`${uses}\` is kept for a built-in of a later version`;
      this.#find([...path, "uses"], message, "Give your task type another name, e.g. acme.charge.");
    }
    const kind = kindOf(uses);
    const limits = this.#timeout(fields["timeout"], [...path, "timeout"], kind);
    const input = kind === "signal" ? this.#signalInput(fields["with"], path, limits.stepTimeoutMs) : undefined;
    const order = kind === "workflow" ? this.#child(fieldsOf(written)["with"], path) : undefined;
    return {
      name,
      uses,
      kind,
      needs,
      if: this.#source(fields["if"], [...path, "if"]),
      forEach: this.#source(fields["forEach"], [...path, "forEach"]),
      maxConcurrency: numberOf(fields["maxConcurrency"], DEFAULTS.maxConcurrency),
      with: input?.with ?? templateOf(order === undefined ? fields["with"] : order.input),
      hasWith: order?.hasInput ?? Object.hasOwn(fields, "with"),
      child: order?.child ?? null,
      attemptTimeoutMs: limits.attemptTimeoutMs,
      stepTimeoutMs: input?.stepTimeoutMs ?? limits.stepTimeoutMs,
      retry: this.#retry(fields["retry"], [...path, "retry"], kind),
    };
  }

  /** A child says in `with` what it runs; what would be `with` elsewhere is its `input`. */
  #child(
    written: unknown,
    stepPath: Path,
  ): { readonly child: ChildDefinition; readonly input: unknown; readonly hasInput: boolean } {
    const path = [...stepPath, "with"];
    const fields = this.#fields(written, path, ["name", "version", "input", "wait", "onCancel"]);
    const wait = fields["wait"] !== false;
    const onCancel = onCancelOf(fields["onCancel"]) ?? (wait ? "cancel" : "abandon");
    if (!wait && onCancel !== "abandon")
      this.#find([...path, "onCancel"], "a child that nobody waits for goes on by itself", "Leave it out.");
    const child = { name: textOf(fields["name"]), version: numberOf(fields["version"], 0), wait, onCancel };
    return { child, input: fields["input"], hasInput: Object.hasOwn(fields, "input") };
  }

  /** `timeout: 30s` limits an attempt of a task, and the wait for a signal or a child; a map names what it limits. */
  #timeout(written: unknown, path: Path, kind: StepKind): Pick<StepDefinition, "attemptTimeoutMs" | "stepTimeoutMs"> {
    const { attemptTimeoutMs } = DEFAULTS;
    if (kind === "signal" || kind === "workflow") {
      if (typeof written === "object")
        this.#find(path, `a ${kind} step has one time-out: how long it waits`, "Write e.g. timeout: 24h.");
      return { attemptTimeoutMs, stepTimeoutMs: durationMs(written, path, 0, this.#findings) };
    }
    if (typeof written === "string") {
      return { attemptTimeoutMs: durationMs(written, path, attemptTimeoutMs, this.#findings), stepTimeoutMs: 0 };
    }
    const fields = this.#fields(written, path, ["attempt", "step"]);
    return {
      attemptTimeoutMs: durationMs(fields["attempt"], [...path, "attempt"], attemptTimeoutMs, this.#findings),
      stepTimeoutMs: durationMs(fields["step"], [...path, "step"], 0, this.#findings),
    };
  }

  /** A signal may say its time-out beside its name; it moves to where the others are. */
  #signalInput(
    written: unknown,
    stepPath: Path,
    stepTimeoutMs: number,
  ): Pick<StepDefinition, "with" | "stepTimeoutMs"> | undefined {
    const { timeout, ...rest } = fieldsOf(written);
    if (timeout === undefined) return undefined;
    const path = [...stepPath, "with", "timeout"];
    const fix = "Write a length of time such as 24h.";
    if (stepTimeoutMs !== 0) this.#find(path, "the time-out is written twice", "Keep one of the two.");
    if (typeof timeout !== "string" || !/^\d/.test(timeout)) this.#find(path, "it is no length of time", fix);
    return { with: templateOf(rest), stepTimeoutMs: durationMs(timeout, path, 0, this.#findings) };
  }

  #retry(written: unknown, path: Path, kind: StepKind): RetryPolicy {
    const fields = this.#fields(written, path, ["maxAttempts", "initialDelay", "maxDelay", "multiplier"]);
    const { retry } = DEFAULTS;
    const initialDelayMs = durationMs(
      fields["initialDelay"],
      [...path, "initialDelay"],
      retry.initialDelayMs,
      this.#findings,
    );
    const defaultMaxMs = Math.max(retry.maxDelayMs, initialDelayMs);
    const maxDelayMs = durationMs(fields["maxDelay"], [...path, "maxDelay"], defaultMaxMs, this.#findings);
    if (maxDelayMs < initialDelayMs) {
      this.#find([...path, "maxDelay"], "it is shorter than `initialDelay`", "Make it at least as long.");
    }
    return {
      maxAttempts: numberOf(
        fields["maxAttempts"],
        kind === "workflow" && written === undefined ? CHILD_ATTEMPTS_DEFAULT : retry.maxAttempts,
      ),
      initialDelayMs,
      maxDelayMs,
      multiplier: numberOf(fields["multiplier"], retry.multiplier),
    };
  }

  /** CEL with `${…}` around it or without; null when left out. */
  #source(written: unknown, path: Path): string | null {
    if (typeof written === "boolean") return String(written);
    if (typeof written !== "string") return null;
    const parts = splitText(written.trim());
    if ("message" in parts) {
      this.#find(path, parts.message, parts.fix);
      return null;
    }
    const [first, ...others] = parts;
    if (first?.type === "expression" && others.length === 0) return first.source;
    if (first !== undefined && parts.every((part) => part.type === "text")) return written;
    this.#find(
      path,
      "it must be one expression, with nothing around it",
      "Write e.g. ${steps.order.output.total > 100}.",
    );
    return null;
  }

  #triggers(written: unknown): readonly WebhookTrigger[] {
    const triggers: WebhookTrigger[] = [];
    const paths = new Set<string>();
    const list = Array.isArray(written);
    for (const [at, trigger] of listOf(written).entries()) {
      const path = [...(list ? ["on", at] : ["on"]), "webhook"];
      const fields = this.#fields(fieldsOf(trigger)["webhook"], path, ["path", "verify", "headers"]);
      if (typeof fields["path"] !== "string") continue;
      if (paths.has(fields["path"]))
        this.#find([...path, "path"], "another trigger has the same path", "Keep one of the two.");
      paths.add(fields["path"]);
      triggers.push({
        type: "webhook",
        path: fields["path"],
        verify: this.#verification(fields["verify"], [...path, "verify"]),
        headers: listOf(fields["headers"]).map((header) => textOf(header).toLowerCase()),
      });
    }
    return triggers;
  }

  #verification(written: unknown, path: Path): WebhookVerification {
    const fields = this.#fields(written, path, ["scheme", "secret", "tolerance"]);
    const secret = textOf(fields["secret"]);
    switch (fields["scheme"]) {
      case "github":
        return { scheme: "github", secret };
      case "standard-webhooks": {
        const tolerancePath = [...path, "tolerance"];
        const toleranceMs = durationMs(fields["tolerance"], tolerancePath, DEFAULTS.toleranceMs, this.#findings);
        return { scheme: "standard-webhooks", secret, toleranceMs };
      }
      default:
        return { scheme: "none" };
    }
  }

  /** The fields of these names that were written and have no findings. */
  #fields(value: unknown, path: Path, names: readonly string[]): Fields {
    const written = fieldsOf(value);
    const fields: { [key: string]: unknown } = {};
    for (const name of names) {
      if (!Object.hasOwn(written, name)) continue;
      // What is wrong inside a map of known fields is left out field by field.
      const inside = NESTED.has(name) && typeof written[name] === "object";
      if (inside || this.#sound([...path, name])) fields[name] = written[name];
    }
    return fields;
  }

  #find(path: Path, message: string, fix: string): void {
    this.#findings.push({ path, message, fix, on: "value" });
  }
}

function kindOf(uses: string): StepKind {
  return uses === "transform" || uses === "sleep" || uses === "signal" || uses === "workflow" ? uses : "task";
}

function onCancelOf(value: unknown): OnCancel | undefined {
  return value === "cancel" || value === "terminate" || value === "abandon" ? value : undefined;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** A list, or one thing that stands for a list of it. */
function listOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function numberOf(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

function templateOf(value: unknown): Template {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- parsed YAML holds JSON's types alone, as templates do
  return (value ?? null) as Template;
}
