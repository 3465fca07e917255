// JSON with expressions in its strings, compiled into the pieces of the text it becomes: fixed JSON is written once, and
// an output passed on whole is spliced in as it is, never parsed.
import type { Template } from "@millrace/model/definition.ts";
import { INLINE_PAYLOAD_BYTES_MAX, type Json, json, RUN_INPUT } from "@millrace/model/payload.ts";
import type { Expression, InputPlan } from "../plan/plan.ts";
import { type CompiledValue, compileValue, evaluated, inPlace, PASSED_ITEM } from "./compile-expression.ts";
import type { Frame } from "./frame.ts";
import type { ExpressionProblem } from "./grammar.ts";
import { interpolated, JsonWriter, utf8Bytes } from "./json-value.ts";
import type { Site } from "./site.ts";
import { splitText, type TextPart } from "./text-template.ts";

/** The way to a value in a definition: `["steps", "ship", "with", 0]`. */
export type Path = readonly (string | number)[];

/** A mistake and the string that holds it. */
export interface PlacedProblem extends ExpressionProblem {
  readonly path: Path;
  /** The expression's own source; empty when the string has none. `offset` counts from its beginning. */
  readonly source: string;
}

/** `steps.ship.with[0]`. */
export function pathText(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (/^[\w-]+$/.test(part)) text += text === "" ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

type Piece = string | ((frame: Frame, writer: JsonWriter) => void);

/** Compiles the template at `path`. Adds what is wrong to `problems`; the plan is only usable if nothing was. */
export function compileTemplate(template: Template, path: Path, site: Site, problems: PlacedProblem[]): InputPlan {
  const compiler = new TemplateCompiler(site, problems);
  const whole = typeof template === "string" ? compiler.lone(template, path) : undefined;
  if (whole?.passed === PASSED_ITEM) return { type: "item" };
  if (whole !== undefined && whole.passed !== null) return { type: "passed", from: whole.passed };
  compiler.add(template, path);
  const pieces = compiler.finished();
  const [first] = pieces;
  if (pieces.length === 1 && typeof first === "string") {
    if (utf8Bytes(first) > INLINE_PAYLOAD_BYTES_MAX) {
      const message = `it is larger than ${INLINE_PAYLOAD_BYTES_MAX} bytes of JSON`;
      problems.push({ path, source: "", message, fix: "Pass large data as the run's input.", offset: 0 });
    }
    return { type: "constant", value: json(first) };
  }
  return { type: "computed", template: assembled(pieces, [...compiler.reads]) };
}

/** A plan whose value is made when it is asked for, so that the bound on a result's size holds for what is passed on too. */
export function madeInPlace(plan: InputPlan, field: string): InputPlan {
  if (plan.type !== "passed") return plan;
  const piece = splice(plan.from, field, "");
  return { type: "computed", template: assembled([piece], [plan.from]) };
}

/** An expression that writes the pieces one after the other. */
function assembled(pieces: readonly Piece[], reads: readonly number[]): Expression<Json> {
  return {
    reads,
    evaluate: (scope) =>
      evaluated(scope, (frame) => {
        const writer = new JsonWriter(INLINE_PAYLOAD_BYTES_MAX, frame.meter);
        for (const piece of pieces) {
          if (typeof piece === "string") writer.append(piece);
          else piece(frame, writer);
        }
        return writer.end();
      }),
  };
}

/** An object of steps' outputs by name, spliced together unparsed. */
export function outputsByName(steps: readonly (readonly [name: string, ordinal: number])[], field: string): InputPlan {
  const pieces: Piece[] = [];
  for (const [name, ordinal] of steps) {
    pieces.push(`${pieces.length === 0 ? "{" : ","}${JSON.stringify(name)}:`, splice(ordinal, field, name));
  }
  pieces.push(pieces.length === 0 ? "{}" : "}");
  return {
    type: "computed",
    template: assembled(
      pieces,
      steps.map(([, ordinal]) => ordinal),
    ),
  };
}

class TemplateCompiler {
  readonly reads = new Set<number>();
  readonly #site: Site;
  readonly #problems: PlacedProblem[];
  readonly #pieces: Piece[] = [];

  constructor(site: Site, problems: PlacedProblem[]) {
    this.#site = site;
    this.#problems = problems;
  }

  /** The expression of a string that is exactly one; undefined if it is not, or has mistakes (which `add` reports). */
  lone(text: string, path: Path): CompiledValue | undefined {
    const parts = splitText(text);
    if ("message" in parts || parts.length !== 1 || parts[0]?.type !== "expression") return undefined;
    const compiled = compileValue(parts[0].source, this.#at(path), []);
    return compiled.type === "compiled" ? compiled : undefined;
  }

  /** Appends the pieces of a template. */
  add(template: Template, path: Path): void {
    if (typeof template === "string") this.#string(template, path);
    else if (template === null || typeof template !== "object") this.#fixed(JSON.stringify(template));
    else if (isTemplateList(template)) {
      this.#fixed("[");
      for (const [at, element] of template.entries()) {
        if (at > 0) this.#fixed(",");
        this.add(element, [...path, at]);
      }
      this.#fixed("]");
    } else this.#map(template, path);
  }

  /** Neighbouring fixed pieces are already one. */
  finished(): readonly Piece[] {
    return this.#pieces;
  }

  #map(template: { readonly [key: string]: Template }, path: Path): void {
    this.#fixed("{");
    let separator = "";
    for (const [key, value] of Object.entries(template)) {
      if (key.includes("${")) {
        const fix = "Build the map in one expression instead: ${{input.key: input.value}}.";
        this.#problems.push({ path: [...path, key], source: "", message: "keys hold no expressions", fix, offset: 0 });
      }
      this.#fixed(`${separator}${JSON.stringify(key)}:`);
      this.add(value, [...path, key]);
      separator = ",";
    }
    this.#fixed("}");
  }

  #string(text: string, path: Path): void {
    const parts = splitText(text);
    if ("message" in parts) {
      this.#problems.push({ ...parts, path, source: "" });
      return;
    }
    const field = pathText(path);
    if (parts.length === 1 && parts[0]?.type === "expression") this.#whole(parts[0].source, path);
    else if (parts.every((part) => part.type === "text"))
      this.#fixed(JSON.stringify(parts.map((part) => part.text).join("")));
    else this.#pieces.push(this.#mixed(parts, path, field));
  }

  #whole(source: string, path: Path): void {
    const compiled = this.#compile(source, path);
    if (compiled === undefined) return;
    const field = pathText(path);
    const { evaluate, passed } = compiled;
    if (passed !== null) this.#pieces.push(splice(passed, field, source));
    else this.#pieces.push((frame, writer) => inPlace(field, source, () => writer.value(evaluate(frame))));
  }

  #mixed(parts: readonly TextPart[], path: Path, field: string): Piece {
    const texts: (string | CompiledValue)[] = [];
    for (const part of parts) {
      const text = part.type === "text" ? part.text : this.#compile(part.source, path);
      if (text !== undefined) texts.push(text);
    }
    return (frame, writer) => {
      let whole = "";
      for (const text of texts) {
        if (typeof text === "string") whole += text;
        else whole += inPlace(field, text.source, () => interpolate(text, frame));
      }
      inPlace(field, "", () => writer.append(JSON.stringify(whole)));
    };
  }

  #compile(source: string, path: Path): CompiledValue | undefined {
    const compiled = compileValue(source, this.#at(path), []);
    if (compiled.type === "problem") {
      this.#problems.push({ ...compiled.problem, path, source });
      return undefined;
    }
    for (const step of compiled.reads) this.reads.add(step);
    return compiled;
  }

  #at(path: Path): Site {
    return { ...this.#site, field: pathText(path) };
  }

  #fixed(text: string): void {
    const last = this.#pieces.at(-1);
    if (typeof last === "string") this.#pieces[this.#pieces.length - 1] = last + text;
    else this.#pieces.push(text);
  }
}

function interpolate(compiled: CompiledValue, frame: Frame): string {
  const text = interpolated(compiled.evaluate(frame), INLINE_PAYLOAD_BYTES_MAX, frame.meter);
  frame.meter.chargeCharacters(text.length);
  return text;
}

/** Writes a whole output, input or item as it is. */
function splice(from: number, field: string, source: string): Piece {
  return (frame, writer) => {
    const { scope } = frame;
    const text = from === RUN_INPUT ? scope.input() : from === PASSED_ITEM ? frame.itemText() : scope.output(from);
    inPlace(field, source, () => writer.append(text));
  };
}

function isTemplateList(template: Template): template is readonly Template[] {
  return Array.isArray(template);
}
