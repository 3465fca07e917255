// What files may be called.
import type { RepositoryFile } from "../repository.ts";

/** Words that say nothing about what is inside, and what to do instead. */
const BANNED_WORDS: ReadonlyMap<string, string> = new Map(
  ["util", "utils", "helper", "helpers", "common", "misc", "manager", "impl"].map((word) => [
    word,
    `"${word}" says nothing: name the file after its one subject`,
  ]),
);

/** `turn2.ts`, `turn-2.ts`; a version (`events-v1.ts`) is no duplicate, nor is a number that is part of a word. */
const NUMBERED = /(?:^|[a-z]|-)(?<!-v)[2-9]$/;

/** Complaints about the names of files and folders. */
export function badNames(files: readonly RepositoryFile[]): string[] {
  return files.flatMap(({ path }) =>
    path.split("/").flatMap((segment) => {
      const stem = segment.replace(/\..*$/, "");
      const complaints = stem.split("-").flatMap((word) => BANNED_WORDS.get(word) ?? []);
      if (NUMBERED.test(stem)) complaints.push("a numbered duplicate: say what differs, or keep one");
      return complaints.map((complaint) => `${path}: ${complaint}.`);
    }),
  );
}
