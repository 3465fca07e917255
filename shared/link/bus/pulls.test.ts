import { describe, expect, it } from "vitest";
import { PULL_PATIENCE_MS } from "./limits.ts";
import { Pulls } from "./pulls.ts";
import { LinkBench, TENANT } from "./testdata/link-bench.ts";
import { taskOf } from "./testdata/model-tasks.ts";

const bench = new LinkBench();
const tasks = Array.from({ length: 5 }, () =>
  taskOf({ runId: bench.startOf().runId, tenant: TENANT, epoch: 1, status: "running", done: [] }),
);

/** A pull with so many credits, and what it delivered: tasks and released credits. */
function opened(credits: number) {
  const pulls = new Pulls();
  const delivered: string[] = [];
  pulls.add(1, credits, 0, (got, released) => delivered.push(`${got.length}+${released}`));
  return { pulls, delivered };
}

describe("a pull's credits", () => {
  it("come back once, in as many parts as the answer has", () => {
    const { pulls, delivered } = opened(5);
    expect(pulls.answered(1, tasks.slice(0, 2), 0)).toEqual([]);
    expect([pulls.has(1), pulls.answered(1, tasks.slice(2, 3), 2)]).toEqual([true, []]);
    expect([delivered, pulls.has(1)]).toEqual([["2+0", "1+2"], false]);
    pulls.expire(PULL_PATIENCE_MS);
    pulls.clear();
    expect(delivered).toHaveLength(2);
  });

  it("are never more than were given: what goes beyond goes back", () => {
    const { pulls, delivered } = opened(3);
    expect(pulls.answered(1, tasks, 7)).toEqual(tasks.slice(3));
    expect(delivered).toEqual(["3+0"]);
    expect(pulls.answered(1, tasks.slice(0, 1), 1)).toEqual(tasks.slice(0, 1));
    expect(delivered).toHaveLength(1);
  });

  it("come back after some patience; what is answered later goes back, and is late until all of it has come", () => {
    const { pulls, delivered } = opened(3);
    pulls.expire(PULL_PATIENCE_MS - 1);
    expect([delivered, pulls.isLate]).toEqual([[], false]);
    pulls.expire(PULL_PATIENCE_MS);
    expect([delivered, pulls.isLate]).toEqual([["0+3"], true]);
    expect([pulls.answered(1, tasks.slice(0, 2), 0), pulls.isLate]).toEqual([tasks.slice(0, 2), true]);
    expect([pulls.answered(1, [], 1), pulls.isLate]).toEqual([[], false]);
    expect(delivered).toHaveLength(1);
  });

  it("come back when the session is over", () => {
    const { pulls, delivered } = opened(3);
    pulls.answered(1, tasks.slice(0, 1), 0);
    pulls.clear();
    expect([delivered, pulls.has(1)]).toEqual([["1+0", "0+2"], false]);
  });
});
