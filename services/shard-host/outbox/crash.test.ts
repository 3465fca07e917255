import { describe, expect, it } from "vitest";
import { checkOnce } from "./testdata/check-once.ts";
import { OutboxBench } from "./testdata/outbox-bench.ts";

const SOURCES = [
  "name: child\nsteps:\n  a: { uses: work }\n",
  `name: parent
steps:
  one: { uses: workflow, with: { name: child } }
  each: { uses: workflow, forEach: "[1, 2]", with: { name: child, input: "\${item}" } }
  alone: { uses: workflow, with: { name: child, wait: false } }
  last: { needs: [one, each], uses: workflow, with: { name: middle } }
`,
  "name: middle\nsteps:\n  down: { uses: workflow, with: { name: child } }\n",
];
/** parent, one, each twice, alone, last and what that starts. */
const RUNS = 7;

/** Runs it all; the process of a shard dies at one of its records. Returns how many records there were. */
async function live(crashAt: number, how: "before it leaves" | "after it left"): Promise<number> {
  const bench = await OutboxBench.open(2, ...SOURCES);
  let records = 0;
  let dying: number | null = null;
  bench.onRecord = (shard) => {
    records++;
    if (records !== crashAt) return;
    dying = shard;
    if (how === "before it leaves") bench.kill(shard);
  };
  const parent = await bench.start("parent").catch(() => null);
  for (let round = 0; round < 60; round++) {
    if (dying !== null) {
      await bench.crash(dying);
      dying = null;
    }
    await bench.pass(400);
    for (const task of bench.pull()) await bench.complete(task).catch(() => {});
  }
  const started = bench.events().filter(({ type }) => type === "run-started");
  // The very first record may be lost with the answer to the start.
  if (parent !== null) expect(await bench.status(parent)).toBe("completed");
  expect(started).toHaveLength(RUNS);
  for (const child of await bench.children()) expect(child.status).toBe("completed");
  expect(bench.waiting).toBe(0);
  checkOnce(bench.events());
  return records;
}

describe("a crash between any two records", () => {
  it.each(["before it leaves", "after it left"] as const)(
    "I3, I6: loses no child and starts none twice: %s",
    async (how) => {
      const records = await live(0, how);
      expect(records).toBeGreaterThan(15);
      for (let at = 1; at <= records; at++) await live(at, how);
    },
  );
});
