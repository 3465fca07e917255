// The answer of many shards to one question about runs.
import type { RunId } from "@millrace/model/ids.ts";
import type { ListPage } from "./link.ts";

/** The pages as one. A page that goes on says nothing of older runs, so none of those is listed yet. */
export function mergedPage(pages: readonly ListPage[], limit: number): ListPage {
  const oldest = pages.reduce<RunId | null>(
    (id, { next }) => (next !== null && (id === null || next > id) ? next : id),
    null,
  );
  const sorted = pages
    .flatMap((page) => page.runs)
    .filter(({ runId }) => oldest === null || runId >= oldest)
    .toSorted((a, b) => (a.runId < b.runId ? 1 : -1));
  const runs = sorted.slice(0, limit);
  if (sorted.length > limit) return { runs, next: runs.at(-1)?.runId ?? null };
  return { runs, next: oldest };
}
