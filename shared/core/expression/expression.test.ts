import type { Template } from "@millrace/model/definition.ts";
import { type Json, json } from "@millrace/model/payload.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Scope } from "../plan/plan.ts";
import { compileTemplate, type PlacedProblem } from "./template.ts";

const SITE = {
  field: "x",
  ordinals: new Map([
    ["a", 0],
    ["far-off", 1],
    ["later", 2],
  ]),
  readable: (step: number) => step < 2,
  hasItem: true,
};

/** A run whose step `a` gave `output`. */
function scopeOf(input: unknown, output: unknown = null): Scope {
  return {
    input: () => json(typeof input === "string" ? input : JSON.stringify(input)),
    output: (step) => json(step === 0 ? JSON.stringify(output) : '"far"'),
    status: (step) => (step === 0 ? "completed" : "skipped"),
    run: { id: "0run", workflow: "w", version: 3, tenant: "t", epoch: 1, startedMs: 1_700_000_000_123 },
    item: json('{"id":7}'),
    itemIndex: 4,
  };
}

/** The JSON an expression gives, or the code and message of its failure, or its first mistake. */
function result(source: string, scope: Scope): string {
  return template(`\${${source}}`, scope);
}

function template(written: Parameters<typeof compileTemplate>[0], scope: Scope): string {
  const problems: PlacedProblem[] = [];
  const plan = compileTemplate(written, ["x"], SITE, problems);
  const [problem] = problems;
  if (problem !== undefined) return `problem: ${problem.message}`;
  switch (plan.type) {
    case "constant":
      return plan.value;
    case "passed":
      return plan.from < 0 ? scope.input() : scope.output(plan.from);
    case "item":
      return scope.item ?? "";
    case "computed": {
      const evaluated = plan.template.evaluate(scope);
      if (evaluated.type === "value") return evaluated.value;
      return `${evaluated.failure.code}: ${evaluated.failure.message}`;
    }
  }
}

const INPUT = {
  n: 2,
  price: 9.5,
  name: "Ada",
  list: [1, 2, 3],
  people: [
    { name: "Ada", age: 36 },
    { name: "Bob", age: 17 },
  ],
  nothing: null,
  on: true,
  date: "2026-01-31T08:00:00+01:00",
};

const VALUES: readonly (readonly [source: string, json: string])[] = [
  // Numbers: JSON's are doubles, an expression's integers are ints, and they mix.
  ["input.n + 1", "3"],
  ["input.n * 1.5", "3"],
  ["input.price * 2", "19"],
  ["1 + 2", "3"],
  ["7 / 2", "3"],
  ["input.n / 4", "0.5"],
  ["input.n % 2 == 0", "true"],
  ["7 % 2", "1"],
  ["input.n == 2 && input.n == 2.0 && input.n != 3", "true"],
  ["input.n in [1, 2]", "true"],
  ["size(input.list) > 2", "true"],
  ["size(input.list) == 3", "true"],
  ["input.list[1] + input.list[input.n]", "5"],
  ["-input.n", "-2"],
  ["9007199254740993 + 1", "9007199254740994"],
  ["0.1 + 0.2", "0.30000000000000004"],
  ["input.list.sum() + size(input.list)", "9"],
  ["[].sum()", "0"],
  ["math.round(2.5) + math.floor(2.7) + math.ceil(2.1) + math.abs(-1)", "9"],
  ["math.round(-2.5)", "-3"],
  ["int('42') + int(3.9)", "45"],
  ["double('1.5e3')", "1500"],
  // Texts.
  ["'Hi ' + input.name", '"Hi Ada"'],
  ["string(input.n) + string(true) + string(1.5)", '"2true1.5"'],
  ["input.name.lowerAscii() + input.name.upperAscii()", '"adaADA"'],
  ["' a '.trim() + 'abc'.replace('b', '--')", '"aa--c"'],
  ["'a,b,c'.split(',')", '["a","b","c"]'],
  ["'a,b,c'.split(',', 2)", '["a","b,c"]'],
  ["['a', 'b'].join('+') + ['c'].join()", '"a+bc"'],
  ["'hello'.substring(1, 3) + 'hello'.substring(4)", '"elo"'],
  ["size('😀a') + '😀a'.indexOf('a') + 'aXa'.lastIndexOf('a')", "5"],
  ["'😀a'.substring(1)", '"a"'],
  ["'hello'.contains('ell') && 'hello'.startsWith('he') && 'hello'.endsWith('lo')", "true"],
  ["'order-17'.matches('^order-[0-9]+$')", "true"],
  ["urlEncode('a b/ä')", '"a%20b%2F%C3%A4"'],
  ["toJson({'a': [1, null]})", '"{\\"a\\":[1,null]}"'],
  ["fromJson('{\"a\": 5}').a + 1", "6"],
  // Fields and defaults.
  ["has(input.name) && !has(input.email)", "true"],
  ["has(input.nothing.x)", "false"],
  ["input.?email.orValue('none')", '"none"'],
  ["input.?address.?city.orValue('nowhere')", '"nowhere"'],
  ["input.?name.hasValue()", "true"],
  ["input.?email", "null"],
  ["input.?email.or(input.?name).value()", '"Ada"'],
  ["input.list[?9].orValue(0)", "0"],
  ["optional.of(1).orValue(2) + optional.none().orValue(3)", "4"],
  ["input['name']", '"Ada"'],
  ["'name' in input", "true"],
  ["input.nothing == null", "true"],
  ["input.on ? 'yes' : 'no'", '"yes"'],
  ["input.?x.y.orValue(1)", "1"],
  // Lists and maps.
  ["input.list.map(x, x * 2)", "[2,4,6]"],
  ["input.list.map(x, x > 1, x * 2)", "[4,6]"],
  ["input.people.filter(p, p.age >= 18).map(p, p.name)", '["Ada"]'],
  ["input.people.exists(p, p.age < 18) && !input.people.all(p, p.age < 18)", "true"],
  ["input.people.exists_one(p, p.name == 'Bob')", "true"],
  ["{'b': 1, 'a': [true, null, 1.5, 'x']}", '{"b":1,"a":[true,null,1.5,"x"]}'],
  ["{'x': 1}.map(k, k)", '["x"]'],
  ["[[1], [2, 3], 4].flatten()", "[1,2,3,4]"],
  ["[1, 2] + [3] == [1, 2, 3]", "true"],
  ["{'a': [1]} == {'a': [input.n - 1]}", "true"],
  ["input.list.map(x, input.list.map(y, x * y))", "[[1,2,3],[2,4,6],[3,6,9]]"],
  ["cel.bind(n, input.n + 1, n * n)", "9"],
  ["[1, 2].map(input, input + 1)", "[2,3]"],
  // A failing side counts only if the other does not decide.
  ["input.missing == 1 || true", "true"],
  ["false && input.missing", "false"],
  ["[1, 0, 2].exists(x, 4 / x == 2)", "true"],
  // Time.
  ["timestamp(input.date)", '"2026-01-31T07:00:00Z"'],
  ["timestamp(input.date) + duration('1h30m')", '"2026-01-31T08:30:00Z"'],
  ["timestamp('2026-01-31T08:00:00Z') - timestamp('2026-01-30T08:00:00Z')", '"86400s"'],
  ["duration('90s') > duration('1m')", "true"],
  ["timestamp('2024-12-31T23:59:59.5Z').getDayOfYear()", "365"],
  ["timestamp('2026-01-31T08:00:00Z').getDayOfWeek()", "6"],
  ["duration('90m').getHours()", "1"],
  ["timestamp(0)", '"1970-01-01T00:00:00Z"'],
  ["run.startTime", '"2023-11-14T22:13:20.123Z"'],
  // What there is.
  ["run.id + run.workflow + run.tenant + string(run.version + run.epoch)", '"0runwt4"'],
  ["run.startedMs", "1700000000123"],
  ["trigger.name == input.name", "true"],
  ["item.id + index", "11"],
  ["steps.a.output.total * 2", "20"],
  ["steps['far-off'].output + steps['far-off'].status + steps.a.status", '"farskippedcompleted"'],
  ["steps.a['output'].total", "10"],
];

test.each(VALUES)("%s is %s", (source, expected) => {
  expect(result(source, scopeOf(INPUT, { total: 10 }))).toBe(expected);
});

const FAILURES: readonly (readonly [source: string, failure: string])[] = [
  [
    "input.email",
    "EXPRESSION_FAILED: x: `input.email`: `input` has no field `email`; it has n, price, name, list, people, nothing, on, date",
  ],
  ["input.nothing.x", "EXPRESSION_FAILED: x: `input.nothing.x`: `input.nothing` is null and has no field `x`"],
  ["input.list[3]", "EXPRESSION_FAILED: x: `input.list[3]`: `input.list` has 3 elements and no index 3"],
  ["input.name + input.n", "EXPRESSION_TYPE: x: `input.name + input.n`: string + double has no meaning"],
  ["input.n && true", "EXPRESSION_TYPE: x: `input.n && true`: && needs true or false, not double"],
  ["1 / (size(input.list) - 3)", "EXPRESSION_FAILED: x: `1 / (size(input.list) - 3)`: division by zero"],
  [
    "9223372036854775807 + 1",
    "EXPRESSION_FAILED: x: `9223372036854775807 + 1`: the integer 9223372036854775808 does not fit 64 bits",
  ],
  ["input.n / 0.0", "EXPRESSION_FAILED: x: `input.n / 0.0`: its result holds Infinity, which JSON cannot hold"],
  [
    "timestamp('2026-02-29T00:00:00Z')",
    "EXPRESSION_FAILED: x: `timestamp('2026-02-29T00:00:00Z')`: timestamp() cannot read \"2026-02-29T00:00:00Z\"",
  ],
  [
    "timestamp('2026-01-31T08:00:00')",
    "EXPRESSION_FAILED: x: `timestamp('2026-01-31T08:00:00')`: timestamp() cannot read \"2026-01-31T08:00:00\"",
  ],
  ["{'a': 1}[input.name]", "EXPRESSION_FAILED: x: `{'a': 1}[input.name]`: `{'a': 1}` has no field `Ada`; it has a"],
  ["input.?email.value()", "EXPRESSION_FAILED: x: `input.?email.value()`: value() of an optional that is empty"],
  [
    "input.people.map(p, p.name).sum()",
    "EXPRESSION_TYPE: x: `input.people.map(p, p.name).sum()`: sum() adds numbers, and the list holds string",
  ],
  ["steps.later.output", "problem: it reads step `later`, which this step does not need"],
];

test.each(FAILURES)("%s fails: %s", (source, expected) => {
  expect(result(source, scopeOf(INPUT))).toBe(expected);
});

test("failures are permanent and say what the owner can do", () => {
  const plan = compileTemplate({ to: "mail ${input.email}" }, ["steps", "send", "with"], SITE, []);
  expect(plan.type === "computed" && plan.template.evaluate(scopeOf({ name: "Ada" }))).toEqual({
    type: "failed",
    failure: {
      code: "EXPRESSION_FAILED",
      class: "permanent",
      message: "steps.send.with.to: `input.email`: `input` has no field `email`; it has name",
      guidance: "Guard it with has(…), or write `.?field.orValue(…)` with a default.",
      retryAfterMs: 0,
    },
  });
});

test.each([
  ["${input.n}", "2"],
  ["n is ${input.n}", '"n is 2"'],
  ["${input.name}${input.name}", '"AdaAda"'],
  ["${input.list}!", '"[1,2,3]!"'],
  ["${input.nothing} ${input.on}", '"null true"'],
  ["$${input.n}", '"${input.n}"'],
  ["costs $5 $", '"costs $5 $"'],
  ["${'}'}${\"{\"}", '"}{"'],
  ["${{'a': {'b': 1}}.a.b} ok", '"1 ok"'],
  ["${'it\\'s'}", '"it\'s"'],
  [{ a: ["${input.n}", 1, null], b: { c: "${input.name}" }, d: true }, '{"a":[2,1,null],"b":{"c":"Ada"},"d":true}'],
  [{ whole: "${steps.a.output}", item: "${item}" }, '{"whole":{"total":10},"item":{"id":7}}'],
] as const)("template %j gives %s", (written, expected) => {
  expect(template(written, scopeOf(INPUT, { total: 10 }))).toBe(expected);
});

test("nothing inherited is readable, and such names are plain fields where JSON wrote them", () => {
  for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    expect(result(`input.${name === "__proto__" ? "?x.orValue(input)['__proto__']" : name}`, scopeOf({}))).toMatch(
      /^EXPRESSION_FAILED/,
    );
    expect(result(`has(input.${name})`, scopeOf({}))).toBe("false");
    expect(result(`input.list.${name}`, scopeOf(INPUT))).toMatch(/^EXPRESSION_FAILED/);
  }
  expect(result("input.constructor + 1", scopeOf({ constructor: 1 }))).toBe("2");
  expect(result("{'__proto__': {'x': 1}}", scopeOf({}))).toBe('{"__proto__":{"x":1}}');
  expect(result("input['__proto__'].x", scopeOf('{"__proto__":{"x":1}}'))).toBe("1");
});

test("integers beyond a double keep every digit, alone and among other data", () => {
  const scope = scopeOf(
    '{"id": 12345678901234567890, "small": 5, "t": "a \\"12345678901234567890\\" \\\\", "l": [ -9007199254740993 , 1.5e3, true, false, null, {} , [] ]}',
  );
  expect(result("input.id", scope)).toBe("12345678901234567890");
  expect(result("input.small + 1", scope)).toBe("6");
  expect(result("[input.l, input.t]", scope)).toBe(
    '[[-9007199254740993,1500,true,false,null,{},[]],"a \\"12345678901234567890\\" \\\\"]',
  );
  expect(template("id=${input.id}", scope)).toBe('"id=12345678901234567890"');
  expect(result("input.id == 12345678901234567890.0 || input.id < 9007199254740993", scope)).toBe("false");
});

test("any JSON read by an expression comes out as it went in", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      // In a list, so that the expression is no pass-through.
      expect(JSON.parse(result("[input]", scopeOf(JSON.stringify(value))))).toEqual([
        JSON.parse(JSON.stringify(value)),
      ]);
    }),
  );
});

test("any template without expressions is a constant: itself", () => {
  const text = fc.string().filter((candidate) => !candidate.includes("${"));
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("tree")),
      fc.dictionary(text, tie("tree")),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const written: Template = JSON.parse(JSON.stringify(value));
      const plan = compileTemplate(written, ["x"], SITE, []);
      expect(plan).toEqual({ type: "constant", value: JSON.stringify(written) });
    }),
  );
});

test("texts survive being written as expressions, interpolated and escaped", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (value, around) => {
      const plain = around.replaceAll("$", "_");
      expect(JSON.parse(template(`${plain}\${input.t}${plain}`, scopeOf({ t: value })))).toBe(
        `${plain}${value}${plain}`,
      );
      expect(
        JSON.parse(
          template(
            value.replaceAll("${", () => "$${"),
            scopeOf({}),
          ),
        ),
      ).toBe(value);
    }),
  );
});

test("any text is compiled or has a mistake with a place in it, and never throws", () => {
  const words = fc.constantFrom(
    "input",
    ".",
    "x",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "\\",
    "1",
    "+",
    "&&",
    "?",
    ":",
    "map",
    ",",
    "in",
    "steps",
    "a",
    "output",
    "has",
    "!",
    "-",
    " ",
    "${",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(words, { maxLength: 30 }).map((parts) => parts.join("")),
      ),
      (source) => {
        const problems: PlacedProblem[] = [];
        const plan = compileTemplate(`\${${source}}`, ["x"], SITE, problems);
        for (const problem of problems) {
          expect(problem.message).not.toBe("");
          expect(problem.offset).toBeLessThanOrEqual(source.length + 3);
        }
        if (problems.length === 0 && plan.type === "computed") plan.template.evaluate(scopeOf(INPUT, { total: 1 }));
      },
    ),
    { numRuns: 500 },
  );
});

test("evaluation is the same every time, whatever was evaluated before", () => {
  const large: Json = json(JSON.stringify({ list: Array.from({ length: 500 }, (_, at) => at) }));
  const scope = { ...scopeOf({}), output: () => large };
  const first = result("steps.a.output.list.filter(x, x % 2 == 0).sum()", scope);
  expect(first).toBe("62250");
  expect(result("steps.a.output.list.filter(x, x % 2 == 0).sum()", scope)).toBe(first);
});
