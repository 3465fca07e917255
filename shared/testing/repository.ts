// The repository's own files, for the tests that judge them.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Enough for the names of a hundred thousand files. */
const LISTING_BYTES_MAX = 16 * 1024 * 1024;

export interface RepositoryFile {
  /** From the root, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Paths from the root of all files that are tracked or about to be (not ignored), in order. */
export function repositoryPaths(): string[] {
  const deleted = new Set(list("--deleted"));
  const paths = list("--cached", "--others", "--exclude-standard").filter((path) => !deleted.has(path));
  return [...new Set(paths)].toSorted();
}

/** The text files among them: source by its name, whatever it holds, the rest when it has no NUL. */
export function repositoryFiles(): RepositoryFile[] {
  return repositoryPaths()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }))
    .filter(({ path, text }) => path.endsWith(".ts") || !text.includes("\0"));
}

function list(...args: readonly string[]): string[] {
  return execFileSync("git", ["ls-files", "-z", ...args], { cwd: ROOT, encoding: "utf8", maxBuffer: LISTING_BYTES_MAX })
    .split("\0")
    .filter((path) => path !== "");
}
