// What no file may say.
import type { RepositoryFile } from "../repository.ts";

interface Ban {
  readonly pattern: RegExp;
  /** What to do instead. */
  readonly instead: string;
  /** The files it holds for; all without it. */
  readonly only?: RegExp;
}

const SOURCES = /\.ts$/;
const TESTS = /\.test\.ts$/;

/** Written in parts where the ban would otherwise catch itself. */
const BANS: readonly Ban[] = [
  {
    pattern: /(?<![\w.~-])\/(?:work|root|tmp|home\/\w+|Users\/\w+)\/\w/,
    instead: "a path of somebody's machine: use a path from the root, os.tmpdir() or $HOME",
  },
  {
    pattern: new RegExp(["registry", "npmjs", "org"].join(String.raw`\.`)),
    instead: "a registry's host: leave it to the user's npm configuration",
  },
  {
    pattern: /"resolved": "http/,
    instead: 'a registry\'s host: run npm with "omit-lockfile-registry-resolved", as .npmrc says',
    only: /package-lock\.json$/,
  },
  {
    pattern: /\b(?:test|it|describe)(?:\.\w+)*\.(?:skip|only|todo|fails|skipIf|runIf)\b/,
    instead: "a test that does not run: make it pass, or delete it",
    only: TESTS,
  },
  {
    pattern: /@ts-(?:ignore|nocheck|expect-error)/,
    instead: "a silenced compiler: give the value its right type",
    only: SOURCES,
  },
  {
    pattern: /(?:oxlint|eslint)-disable(?!(?:-next-line|-line)? \S+.* -- \S)/,
    instead: 'a silenced linter: fix it, or name the rule and the reason: "-disable-next-line rule -- reason"',
    only: SOURCES,
  },
];

/** Complaints about what files say, with the line. */
export function badText(files: readonly RepositoryFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const bans = BANS.filter(({ only, pattern }) => (only?.test(path) ?? true) && pattern.test(text));
    if (bans.length === 0) return [];
    return text
      .split("\n")
      .flatMap((line, index) =>
        bans
          .filter(({ pattern }) => pattern.test(line))
          .map(({ instead }) => `${path}:${String(index + 1)}: ${instead}.`),
      );
  });
}

/** Complaints about test files that check nothing. Files that run a port's suite get their checks from there. */
export function idleTests(files: readonly RepositoryFile[]): string[] {
  return files
    .filter(({ path, text }) => TESTS.test(path) && !/\b(?:expect|assert|fc\.assert|\w*[cC]onformance)\b/.test(text))
    .map(({ path }) => `${path}: a test that checks nothing: say with expect what must hold.`);
}
