// Links between our own pages lead somewhere.
import { posix } from "node:path";
import type { RepositoryFile } from "../repository.ts";

const LINK = /\]\((?<target>[^)\s]+)(?:\s+"[^"]*")?\)/g;

/** Anything with a scheme leads out of the repository and is not ours to check. */
const OUTSIDE = /^[a-z][a-z+.-]*:/;

/** Complaints about links to files, folders or headings that do not exist. `paths` holds all files, binary ones too. */
export function deadLinks(files: readonly RepositoryFile[], paths: readonly string[]): string[] {
  const known = new Set(paths.flatMap((path) => [path, ...folders(path)]));
  const anchors = new Map(
    files.filter(({ path }) => path.endsWith(".md")).map(({ path, text }) => [path, headings(text)]),
  );
  return files
    .filter(({ path }) => path.endsWith(".md"))
    .flatMap(({ path, text }) =>
      [...withoutCode(text).matchAll(LINK)].flatMap(({ groups }) => {
        const target = groups?.["target"] ?? "";
        if (OUTSIDE.test(target)) return [];
        const [file = "", anchor] = target.split("#");
        const resolved = file === "" ? path : posix.join(posix.dirname(path), file).replace(/\/$/, "");
        if (!known.has(resolved)) return [`${path}: links to ${target}, which does not exist: mend or remove it.`];
        if (anchor === undefined || anchors.get(resolved)?.has(anchor) !== false) return [];
        return [`${path}: links to ${target}, a heading that does not exist: mend or remove it.`];
      }),
    );
}

function folders(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** The anchors that a page's headings make. */
function headings(text: string): Set<string> {
  const titles = withoutCode(text).matchAll(/^#{1,6}\s+(?<title>.+)$/gm);
  return new Set(
    [...titles].map(({ groups }) =>
      (groups?.["title"] ?? "")
        .trim()
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(/\s/g, "-"),
    ),
  );
}

function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, " "));
}
