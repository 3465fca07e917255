import { slotOfRun } from "@millrace/core/run-id.ts";
import type { ListPage, TaskSink } from "@millrace/link/link.ts";
import { type RunId, SLOT_COUNT, slot } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { Task } from "@millrace/model/task.ts";
import { describe, expect, it } from "vitest";
import { Node } from "./node.ts";
import { ONE_STEP, ShardBench, TENANT, tenantOf } from "./testdata/shard-bench.ts";

const SHARDS = 4;

const NOBODY: TaskSink = { demand() {}, withdraw() {}, moved() {}, owed() {}, holding: () => [] };

interface NodeBench {
  readonly node: Node;
  readonly benches: readonly ShardBench[];
  settle(): Promise<void>;
}

/** A node of several shards, each on a bench of its own. */
async function opened(): Promise<NodeBench> {
  const benches: ShardBench[] = [];
  for (let shard = 0; shard < SHARDS; shard++) benches.push(await ShardBench.open(ONE_STEP));
  const settle = async (): Promise<void> => {
    for (const bench of benches) await bench.settle();
  };
  const node = new Node(benches.map(({ shard }) => shard));
  node.connect(NOBODY);
  return { node, benches, settle };
}

/** Starts runs spread evenly over all slots; the bench they are answered to is the first. */
async function startedEverywhere({ node, benches, settle }: NodeBench, count: number): Promise<RunId[]> {
  const [client] = benches;
  if (client === undefined) throw new Error("No shard.");
  const starts = Array.from({ length: count }, (_, index) =>
    client.startOf("one", {}, slot((index * SLOT_COUNT) / count)),
  );
  node.submit(
    client,
    starts.map((command, ref) => ({ ref: 1000 + ref, command, notifyEnd: false })),
  );
  await settle();
  expect(client.replies.size).toBe(count);
  return starts.map(({ runId }) => runId);
}

async function listed({ node, settle }: NodeBench, limit: number, before: RunId | null): Promise<ListPage> {
  let heard: ListPage | Refusal | undefined;
  const query = { tenant: TENANT, workflow: null, status: null, startedFromMs: 0, startedUntilMs: 0, before, limit };
  node.list(query, (page) => {
    heard = page;
  });
  await settle();
  if (heard === undefined || "code" in heard) throw new Error("The list was not answered.");
  return heard;
}

describe("a node", () => {
  it("gives every shard its range of slots", async () => {
    const bench = await opened();
    const runs = await startedEverywhere(bench, 16);
    expect(bench.node.shards.map((shard) => shard.load.actors)).toEqual([4, 4, 4, 4]);
    expect(new Set(runs.map((runId) => slotOfRun(runId))).size).toBe(16);
  });

  it("merges the shards' lists, page by page", async () => {
    const bench = await opened();
    const runs = await startedEverywhere(bench, 16);
    const paged: RunId[] = [];
    let before: RunId | null = null;
    do {
      const page: ListPage = await listed(bench, 3, before);
      paged.push(...page.runs.map(({ runId }) => runId));
      before = page.next;
    } while (before !== null);
    expect(paged).toEqual(runs.toSorted().toReversed());
  });

  it("I9: merges pages that end early without leaving a run out", async () => {
    const bench = await opened();
    const [client] = bench.benches;
    if (client === undefined) throw new Error("No shard.");
    const large = json(JSON.stringify("x".repeat(60_000)));
    // Every other run lies on the first shard and is large; the others are small, on the last.
    const starts = Array.from({ length: 160 }, (_, index) =>
      client.startOf("one", index % 2 === 0 ? { input: large } : {}, slot(index % 2 === 0 ? 0 : SLOT_COUNT - 1)),
    );
    bench.node.submit(
      client,
      starts.map((command, ref) => ({ ref: 1000 + ref, command, notifyEnd: false })),
    );
    await bench.settle();
    for (const { shard } of bench.benches)
      for (const { runId } of shard.tasks.pull(client, ["work"], 1_000))
        await client.ask({ type: "terminate", tenant: TENANT, runId, reason: "" });
    const pages: RunId[][] = [];
    let before: RunId | null = null;
    do {
      const page: ListPage = await listed(bench, 1_000, before);
      pages.push(page.runs.map(({ runId }) => runId));
      before = page.next;
    } while (before !== null);
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.flat()).toEqual(
      starts
        .map(({ runId }) => runId)
        .toSorted()
        .toReversed(),
    );
  });

  it("shares credits among its shards, and gives none of them up", async () => {
    const bench = await opened();
    await startedEverywhere(bench, 16);
    const perShard = (tasks: readonly Task[]): number[] => {
      const counts = Array.from({ length: SHARDS }, () => 0);
      for (const { runId } of tasks) {
        const shard = Math.floor((slotOfRun(runId) * SHARDS) / SLOT_COUNT);
        counts[shard] = (counts[shard] ?? 0) + 1;
      }
      return counts;
    };
    const pulled: Task[][] = [];
    for (const credits of [8, 3, 100]) bench.node.pull(["work"], credits, (tasks) => pulled.push([...tasks]));
    expect(pulled.map((tasks) => tasks.length)).toEqual([8, 3, 5]);
    expect(perShard(pulled[0] ?? [])).toEqual([2, 2, 2, 2]);
    expect(perShard(pulled.flat())).toEqual([4, 4, 4, 4]);
  });

  it("I7: shares credits by how many tenants wait on a shard, not by how many tasks", async () => {
    const { node, benches, settle } = await opened();
    const [client] = benches;
    if (client === undefined) throw new Error("No shard.");
    const start = (tenant: string, at: number) => client.startOf("one", { tenant: tenantOf(tenant) }, slot(at));
    const starts = [
      ...Array.from({ length: 100 }, () => start("noisy", 0)),
      ...Array.from({ length: 12 }, (_, run) => start(`quiet${run % 3}`, SLOT_COUNT - 1)),
    ];
    node.submit(
      client,
      starts.map((command, ref) => ({ ref: 1000 + ref, command, notifyEnd: false })),
    );
    await settle();
    const pulled: Task[] = [];
    for (const credits of [8, 8]) node.pull(["work"], credits, (tasks) => pulled.push(...tasks));
    expect(pulled.filter(({ tenant }) => tenant === "noisy")).toHaveLength(4);
    node.pull(["work"], 200, (tasks) => pulled.push(...tasks));
    expect(pulled).toHaveLength(112);
  });

  it("answers a list that a shard refuses with the refusal, once", async () => {
    const bench = await opened();
    const last = bench.benches.at(-1);
    if (last === undefined) throw new Error("No shard.");
    const stopped = last.shard.stop();
    await bench.settle();
    await stopped;
    const heard: (ListPage | Refusal)[] = [];
    const query = {
      tenant: TENANT,
      workflow: null,
      status: null,
      startedFromMs: 0,
      startedUntilMs: 0,
      before: null,
      limit: 3,
    };
    bench.node.list(query, (page) => heard.push(page));
    await bench.settle();
    expect(heard).toMatchObject([{ code: "SHARD_UNAVAILABLE" }]);
  });
});
