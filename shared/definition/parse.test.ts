import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { compilePlan } from "@millrace/core/plan/compile.ts";
import type { Plan } from "@millrace/core/plan/plan.ts";
import { STEPS_MAX } from "@millrace/model/definition.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDefinition } from "./parse.ts";
import { PROBLEMS_MAX } from "./problem.ts";

const BAD = join(import.meta.dirname, "testdata", "bad");

/** One definition after another with what is said about it. */
function transcript(): string {
  const chapters = readdirSync(BAD).map((file) => {
    const source = readFileSync(join(BAD, file), "utf8");
    const parsed = parseDefinition(source);
    if (parsed.type === "definition") return `# ${file}\naccepted\n`;
    const lines = parsed.problems.map(
      ({ field, message, fix, line, column }) => `${line}:${column} ${field}: ${message}\n    ${fix}\n`,
    );
    return `# ${file}\n${lines.join("")}`;
  });
  return chapters.join("\n");
}

test("I8: bad definitions are refused with the field, the line and the fix", async () => {
  const text = transcript();
  expect(text).not.toContain("accepted");
  await expect(text).toMatchFileSnapshot("testdata/bad.txt");
});

const ORDER_PAID = `
name: order-paid
on:
  webhook: { path: shop/orders, verify: { scheme: standard-webhooks, secret: "env:SHOP_SIGNING_KEY" } }
steps:
  order:   { uses: http, with: { url: "\${'https://shop.example/orders/' + trigger.body.id}" } }
  charge:  { needs: [order], uses: acme.charge, with: { order: "\${steps.order.output.body}" }, timeout: 30s }
  notify:  { needs: [charge], forEach: "\${steps.order.output.body.followers}", maxConcurrency: 50, uses: acme.notify, with: { to: "\${item}" } }
  approve: { needs: [charge], uses: signal, with: { name: approved, timeout: 24h } }
  ship:    { needs: [notify, approve], if: "\${steps.approve.output.ok}", uses: acme.ship }
output: "\${steps.ship.output}"
`;

function definitionOf(source: string) {
  const parsed = parseDefinition(source);
  if (parsed.type === "problems") throw new Error(JSON.stringify(parsed.problems, null, 1));
  return parsed.definition;
}

test("the design's example is accepted, its defaults filled in", () => {
  const definition = definitionOf(ORDER_PAID);
  expect(definition.triggers).toEqual([
    {
      type: "webhook",
      path: "shop/orders",
      verify: { scheme: "standard-webhooks", secret: "env:SHOP_SIGNING_KEY", toleranceMs: 300_000 },
      headers: [],
    },
  ]);
  expect(definition.steps.map(({ name, kind }) => `${name}:${kind}`)).toEqual([
    "order:task",
    "charge:task",
    "notify:task",
    "approve:signal",
    "ship:task",
  ]);
  const [order, charge, notify, approve, ship] = definition.steps;
  expect(order).toMatchObject({ needs: [], attemptTimeoutMs: 300_000, stepTimeoutMs: 0, maxConcurrency: 100 });
  expect(order?.retry).toEqual({ maxAttempts: 5, initialDelayMs: 500, maxDelayMs: 60_000, multiplier: 2 });
  expect(charge?.attemptTimeoutMs).toBe(30_000);
  expect(notify).toMatchObject({ forEach: "steps.order.output.body.followers", maxConcurrency: 50 });
  expect(approve).toMatchObject({ with: { name: "approved" }, stepTimeoutMs: 86_400_000 });
  expect(ship).toMatchObject({ if: "steps.approve.output.ok", hasWith: false });
  expect(compilePlan(definition).output).toEqual({ type: "passed", from: 4 });
});

test("what is accepted survives the registry: as JSON it compiles to the same plan", () => {
  const definition = definitionOf(ORDER_PAID);
  const stored: typeof definition = JSON.parse(JSON.stringify(definition));
  expect(stored).toEqual(definition);
  const shapeOf = (plan: Plan) => plan.steps.map(({ needs, reads }) => ({ needs, reads }));
  expect(shapeOf(compilePlan(stored))).toEqual(shapeOf(compilePlan(definition)));
});

test("JSON is read like YAML", () => {
  const source = JSON.stringify({ name: "a", steps: { b: { uses: "http", if: true, needs: [] } }, timeout: "1h30m" });
  expect(definitionOf(source)).toMatchObject({ name: "a", timeoutMs: 5_400_000, steps: [{ name: "b", if: "true" }] });
});

test("steps come after what they need, else in the order of the source", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.nat(29), { maxLength: 4 }), { minLength: 1, maxLength: 30 }),
      fc.infiniteStream(fc.nat()),
      (edges, shuffle) => {
        // Edges point to smaller numbers, so there is no cycle; then the steps are written in any order.
        const needs = edges.map((targets, at) => [...new Set(targets.filter((target) => target < at))]);
        const written = needs
          .map((_, at) => ({ at, key: shuffle.next().value ?? 0 }))
          .toSorted((a, b) => a.key - b.key);
        const steps = Object.fromEntries(
          written.map(({ at }) => [`s${at}`, { uses: "x.y", needs: (needs[at] ?? []).map((need) => `s${need}`) }]),
        );
        const { steps: ordered } = definitionOf(JSON.stringify({ name: "dag", steps }));
        const place = new Map(ordered.map((step, index) => [step.name, index]));
        const source = new Map(Object.keys(steps).map((name, index) => [name, index]));
        expect(ordered).toHaveLength(needs.length);
        for (const [index, step] of ordered.entries()) {
          for (const need of step.needs) expect(place.get(need)).toBeLessThan(index);
          // A neighbour that was written earlier could only have been put off because of something it needs.
          const before = ordered[index - 1];
          if (before === undefined || step.needs.includes(before.name)) continue;
          expect(source.get(before.name)).toBeLessThan(source.get(step.name) ?? -1);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test("I8: any text ends in a definition or in problems with a message, never in an exception", () => {
  const words = fc.constantFrom(
    "name",
    "steps",
    ":",
    " ",
    "\n",
    "  ",
    "{",
    "}",
    "[",
    "]",
    "${",
    "'",
    "&a",
    "*a",
    "- ",
    "uses",
    "#",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(words, { maxLength: 40 }).map((parts) => parts.join("")),
      ),
      (source) => {
        const parsed = parseDefinition(source);
        if (parsed.type === "definition") return;
        expect(parsed.problems.length).toBeGreaterThan(0);
        for (const problem of parsed.problems) expect(problem.message).not.toBe("");
      },
    ),
    { numRuns: 300 },
  );
});

test("I8: any JSON of the right outline ends in a definition or in problems", () => {
  const step = fc.record(
    {
      uses: fc.oneof(fc.constantFrom("http", "sleep", "signal", "transform"), fc.jsonValue()),
      needs: fc.oneof(fc.constantFrom(["a"], ["b"], "a"), fc.jsonValue()),
      with: fc.jsonValue(),
      if: fc.oneof(fc.constant("${steps.a.output}"), fc.jsonValue()),
      forEach: fc.jsonValue(),
      timeout: fc.oneof(fc.constant("5s"), fc.jsonValue()),
      retry: fc.oneof(fc.record({ maxAttempts: fc.jsonValue(), maxDelay: fc.jsonValue() }), fc.jsonValue()),
    },
    { requiredKeys: ["uses"] },
  );
  const definition = fc.record({ name: fc.constant("x"), steps: fc.record({ a: step, b: step }), on: fc.jsonValue() });
  fc.assert(
    fc.property(definition, (value) => {
      const parsed = parseDefinition(JSON.stringify(value));
      if (parsed.type === "definition") compilePlan(parsed.definition);
      else expect(parsed.problems.length).toBeGreaterThan(0);
    }),
    { numRuns: 200 },
  );
});

test("I9: sources are bounded in size, depth, aliases and problems", () => {
  const only = (source: string): string => {
    const parsed = parseDefinition(source);
    if (parsed.type === "definition") return "accepted";
    return parsed.problems.map((problem) => problem.message).join("; ");
  };
  expect(only(`name: a\n# ${"x".repeat(256 * 1024)}`)).toBe("the definition is larger than 256 KiB");
  expect(only("[".repeat(100_000))).toBe("the definition is nested deeper than 64 levels");
  expect(only(`name: ${"[".repeat(80)}${"]".repeat(80)}`)).toBe("the definition is nested deeper than 64 levels");
  const steps = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`s${at}`, { uses: "a.b" }]));
  expect(only(JSON.stringify({ name: "a", steps: steps(STEPS_MAX) }))).toBe("accepted");
  expect(only(JSON.stringify({ name: "a", steps: steps(STEPS_MAX + 1) }))).toBe("it has more than 500 entries");
  const wrong = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`k${at}`, at]));
  const parsed = parseDefinition(JSON.stringify({ name: "a", steps: { b: { uses: "a.b" } }, ...wrong }));
  expect(parsed.type === "problems" && parsed.problems.length).toBe(PROBLEMS_MAX);
});

test("I9: aliases cannot make a small source a large definition", () => {
  const anchor = `  a: { uses: work, with: &data { x: "${"y".repeat(60_000)}" } }`;
  const steps = Array.from({ length: 10 }, (_, index) => `  b${index}: { uses: work, with: *data }`);
  const parsed = parseDefinition(`name: large\nsteps:\n${[anchor, ...steps].join("\n")}\n`);
  expect(parsed).toMatchObject({
    problems: [{ message: "the definition has more than 256 KiB as JSON, aliases written out" }],
  });
});
