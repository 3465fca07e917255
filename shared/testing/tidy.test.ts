// Taste as a test: what the linter cannot say. Each rule is shown to catch something before it judges the tree.
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { RepositoryFile } from "./repository.ts";
import { ROOT, repositoryFiles, repositoryPaths } from "./repository.ts";
import { badImports } from "./tidy/imports.ts";
import { INVARIANTS_PAGE, untestedInvariants, withTests } from "./tidy/invariants.ts";
import { deadLinks } from "./tidy/links.ts";
import { badNames } from "./tidy/names.ts";
import { badText, idleTests } from "./tidy/text.ts";

const tree = repositoryFiles();
/** All but generated code and the samples that are wrong on purpose. */
const judged = tree.filter(
  ({ path }) => !/\/generated\/|\/testdata\/laws\//.test(path) && path !== "shared/testing/tidy.test.ts",
);

function file(path: string, text = ""): RepositoryFile {
  return { path, text };
}

describe("names", () => {
  test.each(["shared/core/utils.ts", "shared/common/clock.ts", "shared/x/run-manager.ts", "a/turn2.ts", "a/turn-3.ts"])(
    "%s is refused",
    (path) => {
      expect(badNames([file(path)])).toHaveLength(1);
    },
  );
  test.each(["shared/codec/events-v2.ts", "shared/x/commonality.ts", "a/sha256.ts", "shared/blobs/blobs.ts"])(
    "%s is fine",
    (path) => {
      expect(badNames([file(path)])).toEqual([]);
    },
  );
  test("of the tree", () => {
    expect(badNames(judged)).toEqual([]);
  });
});

describe("text", () => {
  test.each([
    ["a.md", "see /home/me/notes.md"],
    ["a.ts", 'open("/tmp/x")'],
    ["a.json", ["https://registry", "npmjs", "org/x"].join(".")],
    ["package-lock.json", '"resolved": "https://mirror/x.tgz"'],
    ["a.test.ts", "test.skip('x')"],
    ["a.test.ts", "describe.only('x')"],
    ["a.test.ts", "test.todo('x')"],
    ["a.ts", "// @ts-ignore"],
    ["a.ts", "// oxlint-disable-next-line"],
    ["a.ts", "// oxlint-disable-next-line no-console"],
  ])("%s: %s is refused", (path, text) => {
    expect(badText([file(path, `first\n${text}\n`)])).toEqual([expect.stringMatching(`^${path}:2: `)]);
  });
  test.each([
    [
      "a.md",
      ["a folder .", "tmp", "x, a route /v1", "work", "items, a page of https://host.example", "root", "x"].join("/"),
    ],
    ["a.ts", "// oxlint-disable-next-line no-console -- the command's output"],
    ["a.ts", "queue.only('x')"],
  ])("%s: %s is fine", (path, text) => {
    expect(badText([file(path, text)])).toEqual([]);
  });
  test("a test without a check is refused", () => {
    expect(idleTests([file("a.test.ts", "test('x', () => {})"), file("b.test.ts", "expect(1)")])).toHaveLength(1);
  });
  test("of the tree", () => {
    expect([...badText(judged), ...idleTests(judged)]).toEqual([]);
  });
});

describe("imports", () => {
  const manifest = (name: string, dependencies: Record<string, string>): RepositoryFile =>
    file(`shared/${name}/package.json`, JSON.stringify({ name: `@millrace/${name}`, dependencies }));
  const root = file("package.json", JSON.stringify({ name: "millrace", devDependencies: { vitest: "5.1.1" } }));
  const judge = (dependencies: Record<string, string>, path: string, text: string): string[] =>
    badImports([root, manifest("a", dependencies), manifest("b", {}), file(`shared/a/${path}`, text)]);

  test.each([
    ["undeclared room", {}, "x.ts", 'import type { R } from "@millrace/b/r.ts";'],
    ["undeclared package", {}, "x.ts", 'export * from "pino";'],
    ["late import", {}, "x.ts", 'await import("pino");'],
    ["test tool in production code", {}, "x.ts", 'import { test } from "vitest";'],
    ["unused", { pino: "1.0.0" }, "x.ts", '// import "pino";'],
    ["loose version", { pino: "^1.0.0" }, "x.ts", 'import "pino";'],
    ["way across rooms", {}, "x.ts", 'import { r } from "../b/r.ts";'],
  ])("%s is refused", (_name, dependencies, path, text) => {
    expect(judge(dependencies, path, text)).toHaveLength(1);
  });
  test.each([
    ["declared", { "@millrace/b": "0.1.0" }, "x.ts", 'import { r } from "@millrace/b/deep/r.ts";'],
    ["own files", {}, "deep/x.ts", 'import { r } from "../r.ts";'],
    ["Node's modules", {}, "x.ts", 'import { join } from "node:path";'],
    ["test tools in tests", {}, "x.test.ts", 'import { test } from "vitest"; import "@millrace/testing/process.ts";'],
  ])("%s is fine", (_name, dependencies, path, text) => {
    expect(judge(dependencies, path, text)).toEqual([]);
  });
  test("of test tools are fine where only tests lead", () => {
    const suite = file("shared/a/suite.ts", 'import { test } from "vitest";');
    const its = file("shared/a/a.test.ts", 'import { suite } from "./suite.ts";');
    const user = file("shared/a/user.ts", 'import { suite } from "./suite.ts";');
    expect(badImports([root, manifest("a", {}), suite, its])).toEqual([]);
    expect(badImports([root, manifest("a", {}), suite, its, user])).toHaveLength(1);
  });
  test("of the tree", () => {
    expect(badImports(judged)).toEqual([]);
  });
});

describe("links", () => {
  test("to nowhere are refused", () => {
    const page = file("docs/a.md", "# One Thing\n[b](b.md) [c](a.md#two) [d](../shared/gone)");
    expect(deadLinks([page], ["docs/a.md"])).toHaveLength(3);
  });
  test("to files, folders, headings and the web are fine", () => {
    const page = file("docs/a.md", "# One `Thing`!\n[a](#one-thing) [s](../shared/) [w](https://x.example) `[x](y)`");
    expect(deadLinks([page], ["docs/a.md", "shared/x.ts"])).toEqual([]);
  });
  test("of the tree", () => {
    expect(deadLinks(judged, repositoryPaths())).toEqual([]);
  });
});

describe("invariants", () => {
  const suite = file("a.test.ts", 'test.each([f(1)])("I2, I3: y", () => {}); test(`I4 holds`); test("I1: x");');

  test("that no test names are listed", () => {
    expect(untestedInvariants([suite])).toHaveLength(6);
  });
  test("have their tests filled into the page", () => {
    const page = "# All\n\n## I1 One\n\nIt holds.\n\n- gone\n\n## I4\n";
    expect(withTests(page, [suite])).toBe(
      "# All\n\n## I1 One\n\nIt holds.\n\n- x ([a.test.ts](../a.test.ts))\n\n## I4\n\nNo test yet.\n",
    );
  });
  test("of the tree are all named by tests", () => {
    expect(untestedInvariants(judged)).toEqual([]);
  });
  // Mended by `make docs`.
  test("of the tree are on their page with the tests there are", async () => {
    const page = tree.find(({ path }) => path === INVARIANTS_PAGE)?.text ?? "";
    await expect(withTests(page, judged)).toMatchFileSnapshot(join(ROOT, INVARIANTS_PAGE));
  });
});
