// The `with` of the steps that wait: `sleep` ({for} or {until}) and `signal` ({name}).
import type { StepDefinition, Template } from "@millrace/model/definition.ts";
import {
  type CompiledValue,
  compileValue,
  evaluated,
  expressionOf,
  inPlace,
} from "../expression/compile-expression.ts";
import { DURATION_MS_MAX, describeDuration, parseDuration } from "../expression/duration.ts";
import { failed, wrongType } from "../expression/fault.ts";
import type { Site } from "../expression/site.ts";
import { type Path, type PlacedProblem, pathText } from "../expression/template.ts";
import { splitText } from "../expression/text-template.ts";
import { parseTimestamp } from "../expression/time.ts";
import { Duration, kindOf, Timestamp, type Value } from "../expression/value.ts";
import type { Evaluated, Expression, Scope } from "./plan.ts";

/** The longest name of a signal. */
export const SIGNAL_NAME_CHARACTERS_MAX = 128;

/** Where a step's `with` stands, and where mistakes in it go. */
export interface WithPlace {
  /** Of `with`. */
  readonly path: Path;
  readonly site: Site;
  readonly problems: PlacedProblem[];
}

/** A step whose `with` is compiled. */
export interface Waiting extends WithPlace {
  readonly step: StepDefinition;
}

export interface Sleep {
  readonly wakeUp: (scope: Scope, nowMs: number) => Evaluated<number>;
  /** As in {@link Expression.reads}. */
  readonly reads: readonly number[];
}

/** When a sleep is over; null after a mistake. */
export function sleepUntil(waiting: Waiting): Sleep | null {
  const { step, path } = waiting;
  const given = entries(step.with);
  const [only, ...others] = given;
  if (only === undefined || others.length > 0 || (only[0] !== "for" && only[0] !== "until")) {
    const fix = "Write `with: {for: 10s}` or `with: {until: '2026-01-31T08:00:00Z'}`.";
    return mistake(waiting, path, "a sleep needs either `for` or `until`", fix);
  }
  const [key, written] = only;
  const relative = key === "for";
  const keyPath = [...path, key];
  const read = relative ? durationMs : timestampMs;
  const text = fixedText(written);
  if (text !== undefined) {
    const ms = read(text);
    if (ms === undefined)
      return mistake(waiting, keyPath, `${key} is ${JSON.stringify(text)}`, relative ? FOR_FIX : UNTIL_FIX);
    return { wakeUp: (_scope, nowMs) => ({ type: "value", value: relative ? nowMs + ms : ms }), reads: [] };
  }
  const expression = lone(waiting, keyPath, written, ["string", relative ? DURATION : TIMESTAMP]);
  if (expression === null) return null;
  const field = pathText(keyPath);
  const { source, evaluate } = expression;
  const wakeUp = (scope: Scope, nowMs: number): Evaluated<number> =>
    evaluated(scope, (frame) =>
      inPlace(field, source, () => {
        const value = evaluate(frame);
        const ms = read(value);
        if (ms !== undefined) return relative ? nowMs + ms : ms;
        const wanted = relative ? `a duration up to ${describeDuration(DURATION_MS_MAX)}` : "a time";
        if (typeof value === "string")
          throw failed(`${JSON.stringify(value.slice(0, 40))} is not ${wanted}`, relative ? FOR_FIX : UNTIL_FIX);
        throw wrongType(`it needs ${wanted}, not ${kindOf(value)}`, relative ? FOR_FIX : UNTIL_FIX);
      }),
    );
  return { wakeUp, reads: expression.reads };
}

/** The signal a step waits for; null after a mistake. */
export function signalName(waiting: Waiting): Expression<string> | null {
  const { step, path } = waiting;
  const fix = "Write `with: {name: approved}`.";
  const given = entries(step.with);
  const [only, ...others] = given;
  if (only === undefined || others.length > 0 || only[0] !== "name") {
    return mistake(waiting, path, "a signal step needs `name`, and nothing else", fix);
  }
  const keyPath = [...path, "name"];
  const text = fixedText(only[1]);
  if (text !== undefined) {
    if (!isSignalName(text)) return mistake(waiting, keyPath, "the name must have 1 to 128 characters", fix);
    return { reads: [], evaluate: () => ({ type: "value", value: text }) };
  }
  const expression = lone(waiting, keyPath, only[1], ["string"]);
  if (expression === null) return null;
  return expressionOf(expression, pathText(keyPath), (value) => {
    if (typeof value !== "string") throw wrongType(`a signal's name is a string, not ${kindOf(value)}`);
    if (isSignalName(value)) return value;
    throw failed(`a signal's name has 1 to ${SIGNAL_NAME_CHARACTERS_MAX} characters, not ${value.length}`);
  });
}

const FOR_FIX = "Write a number and a unit, e.g. 500ms, 30s, 5m, 24h, 30d.";
const UNTIL_FIX = "Write RFC 3339 with an offset, e.g. 2026-01-31T08:00:00Z.";
/** Static types, as the library names them. */
const DURATION = "google.protobuf.Duration";
const TIMESTAMP = "google.protobuf.Timestamp";

function durationMs(value: Value): number | undefined {
  const ms = value instanceof Duration ? value.ms : typeof value === "string" ? parseDuration(value) : undefined;
  return ms !== undefined && ms >= 0 && ms <= DURATION_MS_MAX ? ms : undefined;
}

function timestampMs(value: Value): number | undefined {
  if (value instanceof Timestamp) return value.ms;
  return typeof value === "string" ? parseTimestamp(value)?.ms : undefined;
}

function isSignalName(text: string): boolean {
  return text !== "" && text.length <= SIGNAL_NAME_CHARACTERS_MAX;
}

function entries(template: Template): readonly (readonly [string, Template])[] {
  if (template === null || typeof template !== "object" || Array.isArray(template)) return [];
  return Object.entries(template);
}

/** A string without expressions, its escapes undone. */
export function fixedText(written: Template): string | undefined {
  if (typeof written !== "string") return undefined;
  const parts = splitText(written);
  if ("message" in parts || !parts.every((part) => part.type === "text")) return undefined;
  return parts.map((part) => part.text).join("");
}

/** The one expression a string consists of. */
export function lone(place: WithPlace, path: Path, written: Template, types: readonly string[]): CompiledValue | null {
  const parts = typeof written === "string" ? splitText(written) : [];
  if ("message" in parts) {
    place.problems.push({ ...parts, path, source: "" });
    return null;
  }
  const [part] = parts;
  if (part?.type !== "expression" || parts.length > 1) {
    return mistake(
      place,
      path,
      "it needs a text, or one expression and nothing around it",
      "Write e.g. ${input.delay}.",
    );
  }
  const compiled = compileValue(part.source, { ...place.site, field: pathText(path) }, types);
  if (compiled.type === "compiled") return compiled;
  place.problems.push({ ...compiled.problem, path, source: part.source });
  return null;
}

export function mistake(place: WithPlace, path: Path, message: string, fix: string): null {
  place.problems.push({ path, source: "", message, fix, offset: 0 });
  return null;
}
