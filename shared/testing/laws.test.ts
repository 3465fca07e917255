// A check that cannot fail checks nothing. Each file under testdata/laws breaks one law of .oxlintrc.json, at the place
// in the tree where the law holds, and names the rule that must catch it; some break none and must pass.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { copyFile, cp, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { ROOT, repositoryPaths } from "./repository.ts";
import { tempFolder } from "./temp-folder.ts";

const LAWS = fileURLToPath(new URL("testdata/laws", import.meta.url));
const OXLINT = join(ROOT, "node_modules/.bin/oxlint");
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

const fixtures = readdirSync(LAWS, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));

interface Linted {
  readonly code: number;
  readonly output: string;
}

function oxlint(cwd: string, args: readonly string[]): Promise<Linted> {
  return new Promise((resolve) => {
    const child = execFile(OXLINT, args, { cwd, maxBuffer: OUTPUT_BYTES_MAX }, (_error, stdout) => {
      resolve({ code: child.exitCode ?? -1, output: stdout });
    });
  });
}

/** The rules each file broke, by path, from oxlint's lines `path:line:column: message [Severity/rule]`. */
function brokenRules(output: string): Map<string, Set<string>> {
  const broken = new Map<string, Set<string>>();
  for (const line of output.split("\n")) {
    const match = /^(?<path>[^:]+):\d+:\d+: .*\[Error\/(?<rule>[^\]]+)\]$/.exec(line);
    const { path, rule } = match?.groups ?? {};
    if (path === undefined || rule === undefined) continue;
    broken.set(path, (broken.get(path) ?? new Set()).add(rule));
  }
  return broken;
}

/** The rules a fixture's first line says it breaks. */
function announced(path: string): string[] {
  const [, names] = /^\/\/ breaks: (.+)\n/.exec(readFileSync(join(LAWS, path), "utf8")) ?? [];
  if (names === undefined) throw new Error(`${path} must begin with "// breaks: <rules>" or "// breaks: nothing".`);
  return names === "nothing" ? [] : names.split(" ");
}

describe("the laws of the house", () => {
  let broken = new Map<string, Set<string>>();

  beforeAll(async () => {
    await using folder = await tempFolder();
    await cp(LAWS, folder.path, { recursive: true });
    for (const name of [".oxlintrc.json", "tsconfig.json"]) await copyFile(join(ROOT, name), join(folder.path, name));
    await symlink(join(ROOT, "node_modules"), join(folder.path, "node_modules"));
    const linted = await oxlint(folder.path, [
      "--type-aware",
      "--deny-warnings",
      "--format=unix",
      "examples",
      "services",
      "shared",
    ]);
    expect(linted.code).toBe(1);
    broken = brokenRules(linted.output);
  });

  test.each(fixtures)("%s", (path) => {
    expect([...(broken.get(path) ?? [])].toSorted()).toEqual(announced(path).toSorted());
  });
});

test("every source file is linted, but for generated code and the files that break the laws", async () => {
  const { output } = await oxlint(ROOT, ["--debug=files"]);
  const linted = new Set(output.split("\n"));
  const sources = repositoryPaths().filter((path) => /\.[cm]?[jt]sx?$/.test(path));
  const missed = sources.filter((path) => !linted.has(path) && !/\/generated\/|\/testdata\/laws\//.test(path));
  expect(sources.length).toBeGreaterThan(50);
  expect(missed).toEqual([]);
});
