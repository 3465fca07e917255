// The published JSON Schema, and its validator's findings said in words for people.
import { nearest } from "@millrace/core/expression/suggestion.ts";
import { type Path, pathText } from "@millrace/core/expression/template.ts";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import type { Finding } from "./problem.ts";
import schema from "./workflow.schema.json" with { type: "json" };

// The strictness that is off refuses conditions (`then: {required: …}`) for not repeating what they are conditions of.
const validate = new Ajv2020({
  allErrors: true,
  verbose: true,
  strict: true,
  strictRequired: false,
  strictTypes: false,
}).compile(schema);

/** What in the shape of a definition is wrong. */
export function checkShape(value: unknown): readonly Finding[] {
  if (validate(value)) return [];
  const findings: Finding[] = [];
  for (const error of validate.errors ?? []) {
    const finding = findingOf(error);
    if (finding !== undefined) findings.push(finding);
  }
  return findings;
}

/** Keys people will try, and why they are not there. */
const UNKNOWN_KEY_FIXES: ReadonlyMap<string, string> = new Map([
  ["integration", "Integrations are not part of this version: put the address and the secret's name into `with`."],
  ["depends_on", "Write `needs`."],
  ["dependsOn", "Write `needs`."],
  ["input", "Write `with`."],
  ["inputs", "Write `with`."],
]);

function findingOf(error: ErrorObject): Finding | undefined {
  const path = pathOf(error.instancePath);
  const { params, data } = error;
  const value = quoted(data);
  const fix = path.length === 0 ? "Write a map with at least `name` and `steps`." : exampleFix(error.parentSchema);
  const onValue = (message: string, text = fix): Finding => ({ path, message, fix: text, on: "value" });
  switch (error.keyword) {
    case "if":
      // Only says that its `then` failed, which has a finding of its own.
      return undefined;
    case "required":
      return { path, message: `\`${params["missingProperty"]}\` is missing`, fix: missingFix(error), on: "key" };
    case "dependentRequired":
      return {
        path,
        message: `\`${params["property"]}\` has no meaning without \`${params["missingProperty"]}\``,
        fix: `Add \`${params["missingProperty"]}\`, or leave it out.`,
        on: "key",
      };
    case "additionalProperties":
      return unknownKey([...path, String(params["additionalProperty"])], error.parentSchema);
    case "false schema":
      return { path, message: "this key has no meaning here", fix: meaninglessFix(path), on: "key" };
    case "propertyNames":
      return {
        path: [...path, String(params["propertyName"])],
        message: `\`${String(params["propertyName"]).slice(0, QUOTED_CHARACTERS_MAX)}\` cannot be the name of a step`,
        fix: "Use 1 to 64 letters, digits, `_` and `-`, a letter first.",
        on: "key",
      };
    case "pattern":
      // The names of steps are reported once, by `propertyNames`.
      return error.propertyName === undefined ? onValue(`${value} is not allowed: ${description(error)}`) : undefined;
    case "type":
      return onValue(`it is ${typeName(data)}, not ${[params["type"]].flat().map(typeWord).join(" or ")}`);
    case "enum":
      return enumFinding(path, data, params["allowedValues"]);
    case "minimum":
    case "maximum":
      return onValue(`${value} must be ${params["comparison"]} ${params["limit"]}`);
    case "minItems":
    case "minProperties":
      return onValue("it is empty");
    case "maxItems":
    case "maxProperties":
      return onValue(`it has more than ${params["limit"]} entries`, "Split it.");
    case "maxLength":
      return onValue(`it has more than ${params["limit"]} characters`, "Shorten it.");
    case "uniqueItems":
      return {
        path: [...path, Number(params["i"])],
        message: "it is listed twice",
        fix: "Keep one of the two.",
        on: "value",
      };
    default:
      return onValue(error.message ?? error.keyword);
  }
}

function unknownKey(path: Path, parentSchema: unknown): Finding {
  const key = String(path.at(-1));
  const known = Object.keys(record(record(parentSchema)["properties"]));
  const guess = nearest(key, known);
  const fix =
    (known.includes("input") ? undefined : UNKNOWN_KEY_FIXES.get(key)) ??
    (guess === undefined ? `Known keys: ${known.join(", ")}.` : `Did you mean \`${guess}\`?`);
  return { path, message: `\`${key.slice(0, QUOTED_CHARACTERS_MAX)}\` is not a known key`, fix, on: "key" };
}

function enumFinding(path: Path, data: unknown, allowed: unknown): Finding {
  const values = Array.isArray(allowed) ? allowed.map(String) : [];
  const guess = nearest(String(data), values);
  const fix = guess === undefined ? `Write one of ${values.join(", ")}.` : `Did you mean \`${guess}\`?`;
  return { path, message: `${quoted(data)} is not one of ${values.join(", ")}`, fix, on: "value" };
}

/** What the schema says of the missing property. */
function missingFix(error: ErrorObject): string {
  const property = String(error.params["missingProperty"]);
  const properties = record(record(error.parentSchema)["properties"]);
  const example = Object.hasOwn(properties, property) ? exampleOf(properties[property]) : undefined;
  return `Add \`${property}${example === undefined ? "" : `: ${example}`}\`.`;
}

function meaninglessFix(path: Path): string {
  switch (path.at(-1)) {
    case "forEach":
      return "Only tasks run over lists; a transform can use .map(x, …) in its expression.";
    case "retry":
      return "Leave it out: only tasks are tried again.";
    case "timeout":
      return "Leave it out: it takes no time of its own, or says itself how long.";
    default:
      return "Leave it out for this scheme.";
  }
}

function exampleFix(schemaPart: unknown): string {
  const example = exampleOf(schemaPart);
  return example === undefined ? "See docs/definitions.md." : `Write e.g. ${example}.`;
}

/** The schema's own example of a value, followed through a reference. */
function exampleOf(schemaPart: unknown): string | undefined {
  const part = record(schemaPart);
  const examples: readonly unknown[] = Array.isArray(part["examples"]) ? part["examples"] : [];
  const [example] = examples;
  if (typeof example === "string" || typeof example === "number") return String(example);
  const name = typeof part["$ref"] === "string" ? part["$ref"].replace("#/$defs/", "") : "";
  const definitions = record(schema.$defs);
  return Object.hasOwn(definitions, name) ? exampleOf(definitions[name]) : undefined;
}

function description(error: ErrorObject): string {
  const text = record(error.parentSchema)["description"];
  return typeof text === "string" ? text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, "") : "see the schema";
}

/** JSON pointer → path; list positions become numbers. */
function pathOf(pointer: string): Path {
  const parts = pointer.split("/").slice(1);
  return parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part.replaceAll("~1", "/").replaceAll("~0", "~")));
}

/** Values are quoted in messages up to this many characters. */
const QUOTED_CHARACTERS_MAX = 60;

function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > QUOTED_CHARACTERS_MAX ? `${text.slice(0, QUOTED_CHARACTERS_MAX)}…` : text;
}

function typeName(value: unknown): string {
  if (value === null) return "empty";
  return Array.isArray(value) ? "a list" : typeWord(typeof value);
}

function typeWord(type: unknown): string {
  switch (type) {
    case "object":
      return "a map";
    case "array":
      return "a list";
    case "string":
      return "a text";
    case "integer":
      return "a whole number";
    case "boolean":
      return "true or false";
    default:
      return `a ${String(type)}`;
  }
}

function record(value: unknown): { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** Whether a value of the definition is free of findings, itself and all below it. */
export function soundness(findings: readonly Finding[]): (path: Path) => boolean {
  const fields = findings.map((finding) => pathText(finding.path));
  return (path) => {
    const field = pathText(path);
    return !fields.some((other) => other === field || other.startsWith(`${field}.`) || other.startsWith(`${field}[`));
  };
}
