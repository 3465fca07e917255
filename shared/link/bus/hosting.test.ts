// Shards in the gateway's own process, and slots that get another shard.
import { type RunId, SLOT_COUNT, shardId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import { describe, expect, it } from "vitest";
import type { ListPage, RunView } from "../link.ts";
import { PATIENCE_MS } from "./limits.ts";
import { type BenchGateway, EVERYTHING, LinkBench, SHARD, SUBJECTS, TENANT } from "./testdata/link-bench.ts";

/** A process that is gateway and owner in one, and another gateway. */
async function opened() {
  const bench = new LinkBench();
  const gateway = bench.gateway("g1");
  const node = await bench.serveOn(gateway.bus, "g1");
  gateway.shards.host(SHARD, node.shard);
  const other = bench.gateway("g2");
  await bench.settle();
  return { bench, gateway, other, node };
}

const terminate = (runId: RunId): RunCommand => ({ type: "terminate", tenant: TENANT, runId, reason: "" });

describe("a shard in this process", () => {
  it("is called without a frame, while others reach it over the bus", async () => {
    const { bench, gateway, other } = await opened();
    const heard: string[] = [];
    bench.hub.loses = ({ to, subject }) => {
      if (to === "g1" && subject.startsWith("m.shard")) heard.push(subject);
      return false;
    };
    const runId = await gateway.start(true);
    expect(await gateway.view(runId)).toMatchObject({ runId });
    gateway.pull(1);
    expect([gateway.held.size, gateway.spoken, heard]).toEqual([1, 0, []]);
    await gateway.ask(terminate(runId));
    expect(gateway.ends).toHaveLength(1);
    await other.start();
    expect([await gateway.page(), await other.page()]).toMatchObject([
      { runs: [expect.anything(), expect.anything()] },
      { runs: [expect.anything(), expect.anything()] },
    ]);
    expect(heard.length).toBeGreaterThan(0);
  });

  it("that goes is found elsewhere: nothing is lost, and nothing answered twice", async () => {
    const { bench, gateway, node } = await opened();
    const followed = await gateway.start(true);
    const states: string[] = [];
    const watching = gateway.shards.watch(TENANT, followed, (view) => states.push(statusOf(view)));
    await bench.settle();
    watching.taken();
    gateway.pull(1);
    node.shard.latencyMs = 20;
    const before = gateway.send(bench.startOf());
    await bench.settle();
    node.shard.stop();
    const between = gateway.send(bench.startOf());
    node.server.close();
    gateway.shards.unhost(SHARD);
    const after = gateway.send(bench.startOf());
    await bench.serve("n2");
    await bench.settle();
    watching.taken();
    expect([before, between, after].map((ref) => gateway.replies.get(ref)?.type)).toEqual(["done", "done", "done"]);
    await gateway.ask(terminate(followed));
    expect([gateway.ends.length, states.at(-1)]).toEqual([1, "terminated"]);
    expect(gateway.withdrawn).toEqual([]);
  });

  it("that has come is told everything that is open", async () => {
    const bench = new LinkBench();
    const first = await bench.serve("n1");
    const gateway = bench.gateway("g1");
    await bench.settle();
    const followed = await gateway.start(true);
    gateway.pull(1);
    await bench.settle();
    bench.kill(first);
    const open = gateway.send(bench.startOf(), true);
    const node = await bench.serveOn(gateway.bus, "g1");
    gateway.shards.host(SHARD, node.shard);
    await bench.settle();
    expect(gateway.replies.get(open)).toMatchObject({ type: "done" });
    gateway.pull(5);
    expect(gateway.held.size).toBe(2);
    await gateway.ask(terminate(followed));
    expect(gateway.ends).toMatchObject([{ runId: followed }]);
  });

  it("that begins anew is told what workers hold, and does not give that out", async () => {
    const { bench, gateway, node } = await opened();
    await gateway.start();
    gateway.pull(1);
    node.shard.serve();
    await bench.settle();
    gateway.pull(1);
    expect([gateway.given.length, gateway.spoken]).toEqual([1, 0]);
  });

  it("I3: that is let go of before it has answered is believed what it has done", async () => {
    const { bench, gateway, node } = await opened();
    node.shard.latencyMs = 20;
    const ref = gateway.send(bench.startOf(), true);
    gateway.shards.unhost(SHARD);
    await bench.clock.advance(30);
    expect(gateway.replies.get(ref)).toMatchObject({ type: "done", repeated: false });
    const runId = [...bench.disk().runs.keys()][0];
    if (runId === undefined) throw new Error("No run.");
    await gateway.ask(terminate(runId));
    await bench.clock.advance(200);
    expect(gateway.ends).toHaveLength(1);
  });

  it("that is let go of is not believed what it refuses after that", async () => {
    const { bench, gateway, node } = await opened();
    node.shard.latencyMs = 20;
    const ref = gateway.send(terminate(bench.startOf().runId));
    gateway.shards.unhost(SHARD);
    node.server.close();
    await bench.clock.advance(100);
    expect(gateway.replies.get(ref)).toBeUndefined();
    await bench.serve("n2");
    await bench.settle();
    expect(gateway.replies.get(ref)).toMatchObject({ refusal: { code: "RUN_NOT_FOUND" } });
  });

  it("whose tasks were all taken is not asked for more before it has news", async () => {
    const { gateway, node } = await opened();
    await gateway.start();
    node.shard.tasks.isGiving = false;
    gateway.pull(1);
    node.shard.tasks.isGiving = true;
    gateway.pull(1);
    expect(gateway.held.size).toBe(0);
    await gateway.start();
    gateway.pull(5);
    expect(gateway.held.size).toBe(2);
  });
});

function statusOf(view: RunView | { readonly code: string }): string {
  if ("code" in view) return view.code;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the model shard wrote
  return (JSON.parse(Buffer.from(view.bytes).toString()) as { status: string }).status;
}

describe("slots that get another shard", () => {
  const [parent, low, high] = [shardId(0), shardId(1), shardId(2)];
  const HALF = SLOT_COUNT / 2;
  const SPLIT = [
    { shard: low, from: 0, until: HALF },
    { shard: high, from: HALF, until: SLOT_COUNT },
  ];

  /** A shard in two halves: each has its slots' part of what was durable. */
  async function split(bench: LinkBench, gateway: BenchGateway): Promise<void> {
    for (const { shard, from } of SPLIT) {
      const disk = bench.disk(shard);
      for (const [runId, run] of bench.disk(parent).runs)
        if (gateway.slotOf(runId) >= from && gateway.slotOf(runId) < from + HALF) disk.runs.set(runId, run);
      await bench.serve(`n-${shard}`, shard);
    }
  }

  it("take what is open with them", async () => {
    const bench = new LinkBench();
    const node = await bench.serve("n1", parent);
    const gateway = bench.gateway("g1");
    await bench.settle();
    const [left, right] = [bench.startOf(1), bench.startOf(SLOT_COUNT - 1)];
    for (const command of [left, right]) await gateway.ask(command, true);
    const states: string[] = [];
    gateway.shards.watch(TENANT, right.runId, (view) => states.push(statusOf(view)));
    await bench.settle();
    gateway.pull(2);
    await bench.settle();
    bench.kill(node);
    const refs = [1, SLOT_COUNT - 1].map((slot) => gateway.send(bench.startOf(slot), true));
    const pages: (ListPage | Refusal)[] = [];
    gateway.shards.list({ ...QUERY, limit: 10 }, (page) => pages.push(page));
    await split(bench, gateway);
    gateway.shards.route(SPLIT);
    await bench.settle();
    expect(refs.map((ref) => gateway.replies.get(ref)?.type)).toEqual(["done", "done"]);
    expect([bench.disk(low).runs.size, bench.disk(high).runs.size]).toEqual([2, 2]);
    expect(pages).toHaveLength(1);
    const [page] = pages;
    const listed = page !== undefined && "runs" in page ? page.runs.map(({ runId }) => runId) : [];
    expect(listed).toEqual(expect.arrayContaining([left.runId, right.runId]));
    for (const runId of [...bench.disk(low).runs.keys(), ...bench.disk(high).runs.keys()])
      await gateway.ask(terminate(runId));
    expect(new Set(gateway.ends.map(({ ref }) => ref))).toEqual(new Set([1, 2, ...refs]));
    expect(states.at(-1)).toBe("running");
    await bench.clock.advance(PATIENCE_MS);
    expect(gateway.ends).toHaveLength(4);
  });

  it("stay where they are, and nothing is asked again, when the map is told again", async () => {
    const bench = new LinkBench();
    const node = await bench.serve("n1", parent);
    const gateway = bench.gateway("g1");
    await bench.settle();
    const frames: string[] = [];
    bench.hub.loses = ({ subject }) => {
      if (subject === SUBJECTS.shard(parent)) frames.push(subject);
      return false;
    };
    node.shard.latencyMs = 3;
    const pages: (ListPage | Refusal)[] = [];
    gateway.shards.list({ ...QUERY, limit: 10 }, (page) => pages.push(page));
    await bench.clock.advance(1);
    gateway.shards.route(structuredClone(EVERYTHING));
    await bench.settle();
    expect(pages).toMatchObject([{ runs: [] }]);
    expect(frames).toHaveLength(1);
  });

  it("I8: cannot be two shards' at once", () => {
    const gateway = new LinkBench().gateway("g1");
    expect(() => gateway.shards.route([...SPLIT, { shard: parent, from: 7, until: 8 }])).toThrow(
      "Slot 7 of shard 0 is shard 1's already: give each slot one shard.",
    );
    expect(() => gateway.shards.route([{ shard: parent, from: 0, until: SLOT_COUNT + 1 }])).toThrow("beyond the last");
  });

  it("that nobody has are refused, and a question to all shards when there is none", async () => {
    const bench = new LinkBench();
    await bench.serve("n1", parent);
    const gateway = bench.gateway("g1");
    await bench.settle();
    gateway.shards.route([]);
    expect(await gateway.page()).toMatchObject({ code: "SHARD_UNAVAILABLE" });
    expect(await gateway.ask(bench.startOf())).toMatchObject({ refusal: { code: "SHARD_UNAVAILABLE" } });
  });
});

const QUERY = {
  ...{ tenant: TENANT, workflow: null, status: null, startedFromMs: 0, startedUntilMs: 0, before: null },
};
