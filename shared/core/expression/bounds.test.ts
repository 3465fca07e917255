// I9 for expressions: what hostile sources and inputs cost, in counted work.
import { INLINE_PAYLOAD_BYTES_MAX, json } from "@millrace/model/payload.ts";
import { expect, test } from "vitest";
import type { Scope } from "../plan/plan.ts";
import { compileValue } from "./compile-expression.ts";
import { absorbable, Fault } from "./fault.ts";
import { Frame } from "./frame.ts";
import { EXPRESSION_CHARACTERS_MAX } from "./grammar.ts";
import { Meter, WORK_MAX } from "./meter.ts";
import { compileTemplate } from "./template.ts";

const SITE = { field: "x", ordinals: new Map<string, number>(), readable: () => true, hasItem: false };

function scopeOf(input: string): Scope {
  return {
    input: () => json(input),
    output: () => json("null"),
    status: () => "completed",
    run: { id: "r", workflow: "w", version: 1, tenant: "t", epoch: 1, startedMs: 0 },
    item: null,
    itemIndex: -1,
  };
}

/** The work an expression used, and the code it failed with. */
function cost(source: string, input: string): { readonly used: number; readonly code: string } {
  const compiled = compileValue(source, SITE, []);
  if (compiled.type === "problem") throw new Error(compiled.problem.message);
  const frame = new Frame(scopeOf(input));
  try {
    compiled.evaluate(frame);
    return { used: frame.meter.used, code: "" };
  } catch (error: unknown) {
    if (error instanceof Fault) return { used: frame.meter.used, code: error.code };
    throw error;
  }
}

const TEN_THOUSAND = JSON.stringify({ list: Array.from({ length: 10_000 }, (_, at) => at), long: "a".repeat(100_000) });

/** Sums of doublings: each line of a bind twice as long as the one before. */
function doubling(start: string, times: number): string {
  let source = `size(v${times})`;
  for (let at = times; at > 0; at--) source = `cel.bind(v${at}, v${at - 1} + v${at - 1}, ${source})`;
  return `cel.bind(v0, ${start}, ${source})`;
}

test.each([
  ["loops in loops", "input.list.map(a, input.list.map(b, input.list.map(c, a * b * c)))"],
  ["membership in a loop", "input.list.filter(x, -x in input.list)"],
  ["equality in a loop", "input.list.map(x, input.list == input.list + [])"],
  ["lists growing in a loop", "input.list.map(x, input.list + input.list)"],
  ["texts growing in a loop", "input.list.map(x, input.long + input.long)"],
  ["texts doubling", doubling("input.long", 18)],
  ["lists doubling", doubling("input.list", 18)],
  ["failures absorbed in a loop", "input.list.exists(x, input.nope)"],
  ["searching", "input.list.map(x, input.long.contains(input.long))"],
  ["searching for a long text", "input.long.contains(input.long + 'b')"],
  ["replacing", "input.long.replace('a', input.long)"],
  ["splitting", "input.list.map(x, input.long.split(''))"],
  ["joining", "input.list.map(x, input.list.map(y, input.long)).flatten().join(input.long)"],
  ["measuring", "input.list.map(x, size(input.long))"],
  ["regular expressions", "input.list.map(x, input.long.matches('^(a|aa|a*)*b$'))"],
  ["JSON in a loop", "input.list.map(x, toJson(input.list))"],
])("%s ends by counted work", (_, source) => {
  const { used, code } = cost(source, TEN_THOUSAND);
  expect(code).toBe("EXPRESSION_TOO_COSTLY");
  // The charge that went over is the only one beyond the bound, and no work of its size was done.
  expect(used).toBeGreaterThan(WORK_MAX);
});

test("ordinary work on 10,000 items is far below the bound", () => {
  const { used, code } = cost(
    "input.list.filter(x, x % 2 == 0 && x > 100).map(x, {'id': x, 'name': 'n' + string(x)})",
    TEN_THOUSAND,
  );
  expect(code).toBe("");
  expect(used).toBeLessThan(WORK_MAX / 4);
});

test("what an evaluation costs does not depend on what was evaluated before", () => {
  const first = cost("size(input.list)", TEN_THOUSAND).used;
  expect(cost("size(input.list)", TEN_THOUSAND).used).toBe(first);
  expect(first).toBeGreaterThan(TEN_THOUSAND.length / 32);
});

test("a bound that was hit is not absorbed by ||", () => {
  expect(cost("input.list.map(a, input.list.map(b, a * b)) == [] || true", TEN_THOUSAND).code).toBe(
    "EXPRESSION_TOO_COSTLY",
  );
  expect(absorbable(new Fault("EXPRESSION_TOO_COSTLY", "", ""))).toBe(false);
  expect(absorbable(new Fault("EXPRESSION_FAILED", "", ""))).toBe(true);
});

test("results are bounded in bytes, not characters", () => {
  const run = (input: unknown, written: string): string => {
    const plan = compileTemplate(written, ["x"], SITE, []);
    if (plan.type !== "computed") throw new Error("not computed");
    const evaluated = plan.template.evaluate(scopeOf(JSON.stringify(input)));
    return evaluated.type === "value" ? "fits" : evaluated.failure.code;
  };
  const bytes = INLINE_PAYLOAD_BYTES_MAX - 4;
  expect(run({ t: "a".repeat(bytes) }, "${[input.t]}")).toBe("fits");
  expect(run({ t: "a".repeat(bytes + 1) }, "${[input.t]}")).toBe("EXPRESSION_TOO_LARGE");
  expect(run({ t: "ä".repeat(bytes / 2) }, "${[input.t]}")).toBe("fits");
  expect(run({ t: "ä".repeat(bytes / 2 + 1) }, "${[input.t]}")).toBe("EXPRESSION_TOO_LARGE");
  expect(run({ t: "😀".repeat(bytes / 4 + 1) }, "${[input.t]}")).toBe("EXPRESSION_TOO_LARGE");
  expect(run({ t: "a".repeat(bytes) }, "text ${input.t}${input.t}")).toBe("EXPRESSION_TOO_LARGE");
});

test("deep values end in a failure, not in a stack overflow", () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const deepWithInteger = `${"[".repeat(100_000)}12345678901234567890${"]".repeat(100_000)}`;
  for (const input of [deep, deepWithInteger]) {
    const plan = compileTemplate("${[input]}", ["x"], SITE, []);
    const evaluated = plan.type === "computed" ? plan.template.evaluate(scopeOf(input)) : undefined;
    expect(evaluated).toMatchObject({ type: "failed", failure: { code: "EXPRESSION_TYPE" } });
  }
  expect(cost("input == [input]", deep).code).toBe("EXPRESSION_TYPE");
});

test.each([
  ["length", `'${"a".repeat(EXPRESSION_CHARACTERS_MAX)}'`],
  ["nodes", Array.from({ length: 600 }, () => "1").join("+")],
  ["depth", `${"(".repeat(100)}1${")".repeat(100)}`],
  ["unary depth", `${"!".repeat(2_000)}true`],
  ["list elements", `[${Array.from({ length: 300 }, () => "1").join(",")}]`],
  ["pattern length", `input.x.matches('${"a".repeat(300)}')`],
  ["pattern repeats", "input.x.matches('((a{100}){100}){100}')"],
  ["loops", "input.a.map(a, a.map(b, b.map(c, c.map(d, d.map(e, e)))))"],
])("sources are bounded in %s", (_, source) => {
  expect(compileValue(source, SITE, []).type).toBe("problem");
});

test("a meter stops at its bound", () => {
  const meter = new Meter();
  meter.charge(WORK_MAX);
  expect(() => {
    meter.charge(1);
  }).toThrow(Fault);
});
