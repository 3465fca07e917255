// YAML (and so JSON) as text: parsed under bounds, and asked for the lines of what is in it.
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from "yaml";
import type { Finding, Problem } from "./problem.ts";

/** The largest source (workflows.proto). */
const SOURCE_BYTES_MAX = 256 * 1024;

/** The deepest nesting of maps and lists; schemas, templates and their compilers recurse this deep. */
const SOURCE_DEPTH_MAX = 64;

/** The most values once aliases are followed: an alias costs a few bytes and may stand for thousands. */
const VALUES_MAX = 100_000;

/** The most aliases that are followed at all. */
const ALIASES_MAX = 100;

export interface Source {
  readonly text: string;
  readonly document: Document;
  readonly lines: LineCounter;
  /** The document as plain data, made of JSON's types only. */
  readonly value: unknown;
}

/** Parses a source, or says why it is not usable YAML. */
export function parseSource(text: string): Source | readonly Problem[] {
  if (Buffer.byteLength(text) > SOURCE_BYTES_MAX) {
    return [
      whole(
        `the definition is larger than ${SOURCE_BYTES_MAX / 1024} KiB`,
        "Split the workflow, or pass data as input.",
      ),
    ];
  }
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, version: "1.2" });
    if (document.errors.some((error) => error.code === "RESOURCE_EXHAUSTION")) return [tooDeep()];
    const problems = [...document.errors, ...document.warnings].map(({ message, code, pos }) => ({
      field: "",
      message:
        code === "MULTIPLE_DOCS" ? "a second document begins here" : message.charAt(0).toLowerCase() + message.slice(1),
      fix: fixOf(code),
      ...position(lines, pos[0]),
    }));
    if (problems.length > 0) return problems;
    problems.push(...unsuitableScalars(document, lines));
    if (problems.length > 0) return problems;
    const value: unknown = document.toJS({ maxAliasCount: ALIASES_MAX });
    const unbounded = outOfBounds(value);
    return unbounded === undefined ? { text, document, lines, value } : [unbounded];
  } catch (error: unknown) {
    // The parser recurses; so deep a source never gets as far as being measured.
    if (error instanceof RangeError) return [tooDeep()];
    if (error instanceof ReferenceError)
      return [whole(`aliases are used more than ${ALIASES_MAX} times`, "Write the values out.")];
    throw error;
  }
}

/** Looks up where a finding is. */
export function placed(source: Source, finding: Finding): Pick<Problem, "line" | "column"> {
  const offset = offsetOf(source, finding);
  return offset === undefined ? { line: 0, column: 0 } : position(source.lines, offset);
}

function offsetOf({ document, text }: Source, finding: Finding): number | undefined {
  let node: unknown = document.contents;
  let offset = rangeOf(node)?.[0];
  let end = rangeOf(node)?.[1];
  for (const part of finding.path) {
    if (isAlias(node)) node = node.resolve(document);
    const pair = isMap(node) ? node.items.find((item) => keyText(item) === String(part)) : undefined;
    const next: unknown = isSeq(node) && typeof part === "number" ? node.items[part] : pair?.value;
    if (next === undefined && pair === undefined) break;
    const range = (finding.on === "key" ? rangeOf(pair?.key) : undefined) ?? rangeOf(next) ?? rangeOf(pair?.key);
    offset = range?.[0] ?? offset;
    end = range?.[1] ?? end;
    node = next;
  }
  if (offset === undefined || end === undefined || finding.inside === undefined) return offset;
  // Where a value is written as it is read, a place in it is a place in the source; else its beginning must do.
  const at = text.indexOf(finding.inside.source, offset);
  return at >= 0 && at < end ? at + finding.inside.offset : offset;
}

function rangeOf(node: unknown): Node["range"] {
  return isNode(node) ? node.range : null;
}

function keyText(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : "";
}

function position(lines: LineCounter, offset: number): Pick<Problem, "line" | "column"> {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

/** Numbers that JSON or a double cannot hold, and keys that are no text. */
function unsuitableScalars(document: Document, lines: LineCounter): Problem[] {
  const problems: Problem[] = [];
  const report = (message: string, fix: string, range: Node["range"]): void => {
    problems.push({ field: "", message, fix, ...position(lines, range?.[0] ?? 0) });
  };
  visit(document, {
    Pair(_, pair) {
      if (!isScalar(pair.key)) report("a key is not text", "Write a plain key.", rangeOf(pair.key));
    },
    Scalar(_, { value, source, range }) {
      if (typeof value !== "number") return;
      if (!Number.isFinite(value)) report(`${source} is no JSON number`, "Write a finite number.", range);
      else if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
        report(`${source} has more digits than a number keeps`, "Put it in quotes.", range);
      }
    },
  });
  return problems;
}

function outOfBounds(root: unknown): Problem | undefined {
  let values = 0;
  const exceeds = (value: unknown, depth: number): Problem | undefined => {
    if (++values > VALUES_MAX)
      return whole(`the definition has more than ${VALUES_MAX} values`, "Write fewer aliases.");
    if (depth > SOURCE_DEPTH_MAX) return tooDeep();
    if (typeof value !== "object" || value === null) return undefined;
    for (const child of Object.values(value)) {
      const problem = exceeds(child, depth + 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  return exceeds(root, 0);
}

function tooDeep(): Problem {
  return whole(`the definition is nested deeper than ${SOURCE_DEPTH_MAX} levels`, "Write flatter data.");
}

function whole(message: string, fix: string): Problem {
  return { field: "", message, fix, line: 0, column: 0 };
}

function fixOf(code: string): string {
  switch (code) {
    case "DUPLICATE_KEY":
      return "Keep one of the two.";
    case "TAG_RESOLVE_FAILED":
      return "Leave the tag out; only plain YAML is read.";
    case "MULTIPLE_DOCS":
      return "Put each workflow in a file of its own.";
    case "TAB_AS_INDENT":
      return "Indent with spaces.";
    default:
      return "Correct the YAML here; quote texts that hold `: `, `#`, `{` or `}`.";
  }
}
