// Every invariant is named by a test, and docs/invariants.md lists those tests.
import type { RepositoryFile } from "../repository.ts";

export const INVARIANTS_PAGE = "docs/invariants.md";

const INVARIANTS = ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9"] as const;

/** A title that begins with the invariants it checks, `I1: …` or `I1, I6: …`: the first argument of some call. */
const TITLE = /\(\s*(?<quote>["'`])(?<names>I\d(?:, I\d)*): (?<says>[^\n]*?)\k<quote>/g;

interface NamedTest {
  readonly path: string;
  readonly names: readonly string[];
  readonly says: string;
}

/** Invariants that no test's title names. */
export function untestedInvariants(files: readonly RepositoryFile[]): string[] {
  const named = new Set(namedTests(files).flatMap(({ names }) => names));
  return INVARIANTS.filter((invariant) => !named.has(invariant)).map(
    (invariant) =>
      `${invariant} is named by no test: begin the title of the test that checks it with "${invariant}: ".`,
  );
}

/** The page as it should be: the lists in its sections (`## I1 …`) replaced by the tests there are. */
export function withTests(page: string, files: readonly RepositoryFile[]): string {
  const tests = namedTests(files);
  return page
    .split(/^(?=## )/m)
    .map((section) => {
      const invariant = /^## (?<name>I\d)\b/.exec(section)?.groups?.["name"];
      if (invariant === undefined) return section;
      const text = section.replaceAll(/^(?:- .*|No test yet\.)\n?/gm, "").trimEnd();
      return `${text}\n\n${list(tests.filter(({ names }) => names.includes(invariant)))}\n\n`;
    })
    .join("")
    .replace(/\n*$/, "\n");
}

function list(tests: readonly NamedTest[]): string {
  if (tests.length === 0) return "No test yet.";
  return tests.map(({ path, says }) => `- ${says} ([${path}](../${path}))`).join("\n");
}

/** Tests that name an invariant, by path. A port's suite counts where it is written, not where it is run. */
function namedTests(files: readonly RepositoryFile[]): NamedTest[] {
  return files
    .filter(({ path }) => path.endsWith(".test.ts") || /conformance[\w-]*\.ts$/.test(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(TITLE)].map(({ groups }) => ({
        path,
        names: (groups?.["names"] ?? "").split(", "),
        says: groups?.["says"] ?? "",
      })),
    );
}
