// The way in: a source text → a checked Definition, or every problem in it.
import { type PlacedProblem, pathText } from "@millrace/core/expression/template.ts";
import { checkExpressions } from "@millrace/core/plan/compile.ts";
import { DEFINITION_BYTES_MAX, type Definition } from "@millrace/model/definition.ts";
import { normalise } from "./normalise.ts";
import { type Finding, PROBLEMS_MAX, type Problem } from "./problem.ts";
import { checkShape, soundness } from "./schema.ts";
import { parseSource, placed, type Source } from "./source.ts";

export type ParsedDefinition =
  | { readonly type: "definition"; readonly definition: Definition }
  /** At least one, at most {@link PROBLEMS_MAX}, in the order of the source. */
  | { readonly type: "problems"; readonly problems: readonly Problem[] };

/**
 * Parses and checks a workflow definition, YAML or JSON of at most 256 KiB: its shape, the DAG of its steps, and that
 * every expression in it parses, type-checks and reads only what is settled when it is evaluated.
 */
export function parseDefinition(source: string): ParsedDefinition {
  const parsed = parseSource(source);
  if (!("document" in parsed)) return { type: "problems", problems: parsed.slice(0, PROBLEMS_MAX) };
  const findings = [...checkShape(parsed.value)];
  // So many mistakes in the shape alone are all that can be reported.
  if (findings.length >= PROBLEMS_MAX) return problems(parsed, findings);
  const definition = normalise(parsed.value, soundness(findings), findings);
  if (definition !== undefined) findings.push(...checkExpressions(definition).map(findingOf));
  if (definition !== undefined && Buffer.byteLength(JSON.stringify(definition)) > DEFINITION_BYTES_MAX)
    findings.push(TOO_LARGE);
  if (findings.length > 0 || definition === undefined) return problems(parsed, findings);
  return { type: "definition", definition };
}

/** A shard records the definition, not its source: what aliases and escapes stand for counts. */
const TOO_LARGE: Finding = {
  path: [],
  message: `the definition has more than ${DEFINITION_BYTES_MAX / 1024} KiB as JSON, aliases written out`,
  fix: "Split the workflow, or pass data as input.",
  on: "value",
};

function findingOf({ path, message, fix, source, offset }: PlacedProblem): Finding {
  const finding: Finding = { path, message, fix, on: "value" };
  return source === "" ? finding : { ...finding, inside: { source, offset } };
}

function problems(source: Source, findings: readonly Finding[]): ParsedDefinition {
  const all = findings.map((finding) => ({
    field: pathText(finding.path),
    message: finding.message,
    fix: finding.fix,
    ...placed(source, finding),
  }));
  all.sort((left, right) => left.line - right.line || left.column - right.column);
  return { type: "problems", problems: all.slice(0, PROBLEMS_MAX) };
}
