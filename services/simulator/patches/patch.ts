// Changes to modules as they are loaded, in this process alone: how mutants come to be, and how bounds are made so small
// that short runs reach them. The product holds no switch for either.
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export interface Patch {
  /** From the repository's root. */
  readonly file: string;
  /** Text that occurs once in the file. */
  readonly find: string;
  readonly put: string;
}

const ROOT = join(import.meta.dirname, "..", "..", "..");

/** Patches modules that are imported from now on. Throws when a patch does not fit its file any more. */
export function install(patches: readonly Patch[]): void {
  const sources = new Map<string, string>();
  for (const { file, find, put } of patches) {
    const path = join(ROOT, file);
    const url = pathToFileURL(path).href;
    const source = sources.get(url) ?? readFileSync(path, "utf8");
    if (source.split(find).length !== 2)
      throw new Error(`A patch of ${file} looks for text that must occur once in it: ${find}`);
    sources.set(
      url,
      source.replace(find, () => put),
    );
  }
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      const source = sources.get(url);
      return source === undefined ? loaded : { ...loaded, source };
    },
  });
}
