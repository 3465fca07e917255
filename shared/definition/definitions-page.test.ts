// Runs what docs/definitions.md says.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compileTemplate } from "@millrace/core/expression/template.ts";
import type { Scope } from "@millrace/core/plan/plan.ts";
import type { Template } from "@millrace/model/definition.ts";
import { json } from "@millrace/model/payload.ts";
import { expect, test } from "vitest";
import { parseDefinition } from "./parse.ts";
import schema from "./workflow.schema.json" with { type: "json" };

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/definitions.md"), "utf8");

function blocks(language: string): string[] {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map((match) => match[1] ?? "");
}

function evaluate(template: Template, input: string): string {
  const site = { field: "", ordinals: new Map<string, number>(), readable: () => true, hasItem: false };
  const scope: Scope = {
    input: () => json(input),
    output: () => json("null"),
    status: () => "completed",
    run: { id: "r", workflow: "w", version: 1, tenant: "t", epoch: 1, startedMs: 0 },
    item: null,
    itemIndex: -1,
  };
  const plan = compileTemplate(template, [], site, []);
  if (plan.type === "constant") return plan.value;
  if (plan.type !== "computed") return input;
  const evaluated = plan.template.evaluate(scope);
  return evaluated.type === "value" ? evaluated.value : evaluated.failure.message;
}

test.each(blocks("yaml"))("the page's definition %# is accepted", (source) => {
  expect(parseDefinition(source)).toMatchObject({ type: "definition" });
});

const examples = blocks("cel").flatMap((block) => block.trim().split("\n"));

test.each(examples)("the page is right that %s", (line) => {
  const [source, value] = line.split(" → ");
  const [input] = blocks("json");
  expect(evaluate(`\${${source}}`, input ?? "")).toBe(value);
});

const templates = [...PAGE.matchAll(/^\| `(["{].*?)` \| `(.*?)` \|$/gm)];

test.each(templates.map((match) => [match[1] ?? "", match[2] ?? ""] as const))(
  "the template %s is %s",
  (written, value) => {
    const template: Template = JSON.parse(written);
    expect(evaluate(template, '{"n":2,"name":"Ada"}')).toBe(value);
  },
);

/** Every key the schema knows, wherever it stands. */
function keysOf(part: unknown): string[] {
  if (typeof part !== "object" || part === null) return [];
  return Object.entries(part).flatMap(([name, inner]: [string, unknown]) => {
    const keys = name === "properties" && typeof inner === "object" && inner !== null ? Object.keys(inner) : [];
    return [...keys, ...keysOf(inner)];
  });
}

test("the page has examples, and a row for every key of the schema", () => {
  expect(examples.length).toBeGreaterThan(20);
  expect(templates).toHaveLength(4);
  const missing = [...new Set(keysOf(schema))].filter((key) => !PAGE.includes(`| \`${key}\` |`));
  expect(missing).toEqual([]);
});

test("every property of the schema is described", () => {
  const bare = (part: unknown, path: string): string[] => {
    if (typeof part !== "object" || part === null) return [];
    return Object.entries(part).flatMap(([name, inner]: [string, unknown]) => {
      if (name === "allOf" || name === "if" || name === "then") return [];
      const inside = bare(inner, `${path}/${name}`);
      if (name !== "properties" || typeof inner !== "object" || inner === null) return inside;
      const silent = Object.entries(inner).filter(([, property]) => !("description" in property || "$ref" in property));
      return [...inside, ...silent.map(([key]) => `${path}/${key}`)];
    });
  };
  expect(bare(schema, "")).toEqual([]);
});
