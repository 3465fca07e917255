// CEL's syntax and static types come from the library: it parses and checks. Evaluating is ours (compile-node.ts),
// because its evaluator cannot bound the work, runs regular expressions that backtrack and reads the local time zone.
import { type ASTNode, Environment, ParseError, TypeError as TypeProblem } from "@marcbachmann/cel-js";
import { nearest } from "./suggestion.ts";

/** A mistake in an expression. */
export interface ExpressionProblem {
  readonly message: string;
  /** What to write instead; empty if the message says it. */
  readonly fix: string;
  /** Where in the expression's source, in characters from 0. */
  readonly offset: number;
}

/** Bounds of one expression's source. With them, parsing and compiling stay below a few ms and far from the stack. */
export const EXPRESSION_CHARACTERS_MAX = 4_096;
const LIMITS = { maxAstNodes: 1_000, maxDepth: 64, maxListElements: 256, maxMapEntries: 256, maxCallArguments: 8 };

/** Everything an expression may name at the top. */
const VARIABLES = ["input", "trigger", "steps", "run", "item", "index"] as const;

/** The type of `math`; the library knows types by their constructors. */
class MathNamespace {
  readonly name = "math";
}

/** Handlers are never called; they are here for their signatures. */
function unused(): never {
  throw new Error("Expressions are evaluated by compile-node.ts.");
}

const TIMESTAMP = "google.protobuf.Timestamp";
const DURATION = "google.protobuf.Duration";

const SIGNATURES = [
  "string.replace(string, string): string",
  "list.sum(): dyn",
  "list.flatten(): list",
  "toJson(dyn): string",
  "fromJson(string): dyn",
  "urlEncode(string): string",
  `string(${TIMESTAMP}): string`,
  `string(${DURATION}): string`,
  "MathNamespace.round(dyn): double",
  "MathNamespace.floor(dyn): double",
  "MathNamespace.ceil(dyn): double",
  "MathNamespace.abs(dyn): dyn",
];

const environment = createEnvironment();

function createEnvironment(): Environment {
  const created = new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits: LIMITS,
  })
    .registerType("MathNamespace", MathNamespace)
    .registerConstant("math", "MathNamespace", new MathNamespace())
    .registerVariable("input", "dyn")
    .registerVariable("trigger", "dyn")
    .registerVariable("steps", "dyn")
    .registerVariable("item", "dyn")
    .registerVariable("index", "int")
    .registerVariable("run", {
      schema: {
        id: "string",
        workflow: "string",
        version: "int",
        tenant: "string",
        epoch: "int",
        startedMs: "int",
        startTime: TIMESTAMP,
      },
    });
  for (const signature of SIGNATURES) created.registerFunction(signature, unused, { async: false });
  for (const operator of ["+", "-", "*", "/", "%"]) {
    created.registerOperator(`int ${operator} double: double`, unused);
    created.registerOperator(`double ${operator} int: double`, unused);
  }
  return created.registerOperator("double % double: double", unused);
}

/** A parsed expression and the type it has whatever it reads (`dyn` = that depends). */
export interface Parsed {
  readonly ast: ASTNode;
  readonly type: string;
}

/** Parses and type-checks one expression. */
export function parseCel(source: string): Parsed | ExpressionProblem {
  if (source.trim() === "") return { message: "the expression is empty", fix: "Write a CEL expression.", offset: 0 };
  if (source.length > EXPRESSION_CHARACTERS_MAX) {
    const message = `the expression has ${source.length} characters, more than ${EXPRESSION_CHARACTERS_MAX}`;
    return { message, fix: "Split it over several transform steps.", offset: 0 };
  }
  try {
    const parsed = environment.parse(source);
    const checked = parsed.check();
    if (checked.valid) return { ast: parsed.ast, type: checked.type ?? "dyn" };
    return problemOf(checked.error);
  } catch (error: unknown) {
    return problemOf(error);
  }
}

function problemOf(error: unknown): ExpressionProblem {
  if (!(error instanceof ParseError) && !(error instanceof TypeProblem)) throw error;
  return { message: messageOf(error.summary), fix: fixOf(error.code, error.summary), offset: error.range?.start ?? 0 };
}

/** The library's words in the project's. */
function messageOf(summary: string): string {
  const text = summary
    .replaceAll("google.protobuf.", "")
    .replace(/^found no matching overload for '(.*)'$/, "there is no function $1")
    .replace(/^no such overload: (.*)$/, "$1 has no meaning")
    .replace(/^Unexpected token: EOF$/, "the expression ends too early");
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function fixOf(code: string, summary: string): string {
  switch (code) {
    case "unknown_variable":
      return unknownVariableFix(summary.slice(summary.indexOf(":") + 1).trim());
    case "limit_exceeded":
      return "Split it over several transform steps.";
    case "incompatible_ternary_branches":
      return "Wrap one branch in dyn(…) if both types are meant.";
    case "no_such_overload":
      return "Convert one side: string(…), int(…), double(…).";
    case "no_matching_overload":
      return "See the list of functions in docs/definitions.md.";
    case "no_such_key":
      return "Known fields of run: id, workflow, version, tenant, epoch, startedMs, startTime.";
    case "unterminated_string":
      return "Close the quote.";
    default:
      return "Write a CEL expression, such as `input.total > 10 && has(input.email)`.";
  }
}

function unknownVariableFix(name: string): string {
  const guess = nearest(name, VARIABLES);
  return guess === undefined
    ? `Start with one of ${VARIABLES.join(", ")}; text needs quotes: '${name}'.`
    : `Did you mean \`${guess}\`?`;
}
