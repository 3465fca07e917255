// The repository's own files, for the tests that judge them.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Enough for the names of a hundred thousand files. */
const LISTING_BYTES_MAX = 16 * 1024 * 1024;

/** Paths from the root of all files that are tracked or about to be (not ignored), in order. */
export function repositoryFiles(): string[] {
  const listing = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: LISTING_BYTES_MAX,
  });
  const deleted = execFileSync("git", ["ls-files", "--deleted", "-z"], { cwd: ROOT, encoding: "utf8" });
  const gone = new Set(deleted.split("\0"));
  const paths = listing.split("\0").filter((path) => path !== "" && !gone.has(path));
  return [...new Set(paths)].toSorted();
}

/** A file's text, by its path from the root. */
export function readRepositoryFile(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}
