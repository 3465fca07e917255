// Every invariant is named by a test, and docs/invariants.md names tests that exist.
import type { RepositoryFile } from "../repository.ts";

/** The invariants of the engine, as docs/invariants.md states them. */
export const INVARIANTS = ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9"] as const;

export const INVARIANTS_PAGE = "docs/invariants.md";

/** A title of a test or a group of tests, in any quotes. */
const TITLE = /\b(?:test|it|describe|each\([^)]*\)|prop\([^)]*\))\(\s*(?<quote>["'`])(?<title>.*?)\k<quote>/gs;

/** The titles in a test file. */
function titles({ text }: RepositoryFile): string[] {
  return [...text.matchAll(TITLE)].flatMap(({ groups }) => groups?.["title"] ?? []);
}

/** Invariants that no test's title names as `I1: …`. */
export function untestedInvariants(files: readonly RepositoryFile[]): string[] {
  const named = files.filter(({ path }) => path.endsWith(".test.ts") || /\/conformance\b/.test(path)).flatMap(titles);
  return INVARIANTS.filter(
    (invariant) => !named.some((title) => new RegExp(`\\b${invariant}\\b[^:]*:`).test(title)),
  ).map(
    (invariant) =>
      `${invariant} is named by no test: begin the title of the test that checks it with "${invariant}: ".`,
  );
}

/** Lines of the page's table that name no test, or a file or title that does not exist. */
export function staleInvariants(files: readonly RepositoryFile[]): string[] {
  const page = files.find(({ path }) => path === INVARIANTS_PAGE);
  if (page === undefined) return [`${INVARIANTS_PAGE} does not exist.`];
  const sections = new Map(
    page.text.split(/^## /m).flatMap((section) => {
      const name = /^I\d/.exec(section)?.[0];
      return name === undefined ? [] : [[name, section]];
    }),
  );
  return INVARIANTS.flatMap((invariant) => {
    const entries = [...(sections.get(invariant) ?? "").matchAll(/^- `(?<path>[^`]+)`: (?<title>.+)$/gm)];
    if (entries.length === 0) return [`${INVARIANTS_PAGE}: ${invariant} names no test.`];
    return entries.flatMap(({ groups }) => {
      const { path, title } = { path: groups?.["path"], title: groups?.["title"] };
      const file = files.find((candidate) => candidate.path === path);
      if (file === undefined) return [`${INVARIANTS_PAGE}: ${invariant} names ${String(path)}, which does not exist.`];
      if (title !== undefined && titles(file).includes(title)) return [];
      return [`${INVARIANTS_PAGE}: ${invariant} names "${String(title)}", which is no test of ${file.path}.`];
    });
  });
}
