// Tasks over the bus: credits that come back, and attempts that are in somebody's hands or wait.
import { type RunId, SLOT_COUNT, shardId, tenantId } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import { describe, expect, it } from "vitest";
import {
  GATEWAY_SILENCE_MS_MAX,
  HOLD_BACK_AT_START_MS,
  HOLD_BACK_MS,
  HOLDER_GRACE_MS,
  KEEPALIVE_MS,
  PULL_PATIENCE_MS,
  PULLED_LENGTH_MAX,
  SHARD_SILENCE_MS_MAX,
} from "./limits.ts";
import { type BenchGateway, LinkBench, SHARD, TENANT } from "./testdata/link-bench.ts";

async function opened(runs: number, gateways = 2) {
  const bench = new LinkBench();
  const node = await bench.serve("n1");
  const names = Array.from({ length: gateways }, (_, index) => `g${index + 1}`);
  const all = names.map((name) => bench.gateway(name));
  await bench.settle();
  const [gateway, other] = all;
  if (gateway === undefined || other === undefined) throw new Error("There must be two gateways.");
  for (let run = 0; run < runs; run++) await gateway.start();
  return { bench, node, gateway, other };
}

const runsOf = ({ held }: BenchGateway): RunId[] => [...held.values()].map(({ runId }) => runId);

/** Whatever the first gateway says is lost. */
function silence(bench: LinkBench): void {
  bench.hub.loses = ({ from }) => from === "g1";
}

describe("a pull", () => {
  it("brings tasks and the credits that found none", async () => {
    const { bench, gateway, other } = await opened(5);
    gateway.pull(3);
    await bench.settle();
    expect([gateway.held.size, gateway.spoken]).toEqual([3, 0]);
    other.pull(10);
    await bench.settle();
    expect([other.held.size, other.spoken]).toEqual([2, 0]);
    other.pull(1);
    expect(other.spoken).toBe(0);
  });

  it("is worth it again when the shard has news, which every gateway hears", async () => {
    const { bench, gateway, other } = await opened(0);
    gateway.pull(1);
    expect(gateway.spoken).toBe(0);
    await gateway.start();
    expect([gateway.demands.length > 0, other.demands.length > 0]).toEqual([true, true]);
    other.pull(1);
    await bench.settle();
    expect(other.held.size).toBe(1);
  });

  it("does not lie for long at a shard that stands still, nor is another one made there", async () => {
    const { bench, node, gateway } = await opened(5);
    node.bus.pause();
    gateway.pull(2);
    await bench.clock.advance(PULL_PATIENCE_MS - 200);
    expect(gateway.spoken).toBe(2);
    await bench.clock.advance(300);
    expect(gateway.spoken).toBe(0);
    gateway.pull(2);
    expect(gateway.spoken).toBe(0);
  });

  it("that is answered after that gives its tasks back, and they are given out again", async () => {
    const { bench, node, gateway, other } = await opened(2);
    node.bus.pause();
    gateway.pull(2);
    await bench.clock.advance(PULL_PATIENCE_MS + 200);
    node.bus.resume();
    await bench.settle();
    expect([gateway.held.size, gateway.spoken]).toEqual([0, 0]);
    other.pull(2);
    await bench.settle();
    expect(other.held.size).toBe(2);
  });

  it("whose answer is lost gives its credits back at once, and its tasks wait again", async () => {
    const { bench, gateway, other } = await opened(3);
    await bench.clock.advance(500);
    bench.hub.loses = ({ to }) => to === "g1";
    gateway.pull(3);
    await bench.settle();
    bench.hub.loses = null;
    await bench.clock.advance(KEEPALIVE_MS + 200);
    expect([gateway.held.size, gateway.spoken]).toEqual([0, 0]);
    other.pull(3);
    await bench.settle();
    expect(other.held.size).toBe(3);
  });

  it("I9: is answered in parts, and by no more than a few messages' bytes", async () => {
    const { bench, node, gateway } = await opened(0);
    const pull = node.shard.tasks.pull.bind(node.shard.tasks);
    const input = json(JSON.stringify("x".repeat(60_000)));
    node.shard.tasks.pull = (...call) => pull(...call).map((task) => ({ ...task, input }));
    for (let run = 0; run < 200; run++) gateway.send(bench.startOf());
    await bench.settle();
    gateway.pull(1_000);
    await bench.settle();
    expect(gateway.held.size).toBeLessThan(PULLED_LENGTH_MAX / input.length + 64);
    expect(gateway.spoken).toBe(0);
    for (let turn = 0; turn < 3; turn++) {
      gateway.pull(1_000);
      await bench.settle();
    }
    expect(gateway.held.size).toBe(200);
  });
});

describe("a gateway that is gone", () => {
  it.each([
    ["has died", (_bench: LinkBench, gateway: BenchGateway) => gateway.kill(), KEEPALIVE_MS],
    ["says nothing any more", (bench: LinkBench) => silence(bench), GATEWAY_SILENCE_MS_MAX],
  ] as const)(
    "because it %s is missed, and its tasks wait again after its workers' grace",
    async (_why, leave, missedMs) => {
      const { bench, node, gateway, other } = await opened(4);
      gateway.pull(3);
      await bench.settle();
      leave(bench, gateway);
      await bench.clock.advance(missedMs + HOLDER_GRACE_MS - 1_000);
      other.pull(10);
      await bench.settle();
      expect(other.held.size).toBe(1);
      await bench.clock.advance(1_500);
      other.pull(10);
      await bench.settle();
      expect(other.held.size).toBe(4);
      expect(node.shard.tasks.tenantsWaiting("work")).toBe(0);
    },
  );

  it("is not waited for: what it wanted to hear of is forgotten", async () => {
    const { bench, node, gateway } = await opened(0);
    const runId = await gateway.start(true);
    gateway.shards.watch(TENANT, runId, () => {});
    await bench.settle();
    expect([node.shard.followers(runId), node.shard.watchers]).toEqual([1, 1]);
    gateway.kill();
    await bench.clock.advance(KEEPALIVE_MS + 200);
    expect([node.shard.followers(runId), node.shard.watchers]).toEqual([0, 0]);
  });

  it("keeps what it holds when it comes back in time", async () => {
    const { bench, gateway, other } = await opened(3);
    gateway.pull(3);
    await bench.settle();
    silence(bench);
    await bench.clock.advance(GATEWAY_SILENCE_MS_MAX + HOLDER_GRACE_MS - 1_000);
    bench.hub.loses = null;
    await bench.clock.advance(HOLDER_GRACE_MS * 2);
    other.pull(10);
    await bench.settle();
    expect([gateway.held.size, other.held.size]).toEqual([3, 0]);
  });

  it("keeps nothing that its workers have announced by another one meanwhile", async () => {
    const { bench, gateway, other } = await opened(2);
    gateway.pull(2);
    await bench.settle();
    const [moved] = gateway.held.values();
    if (moved === undefined) throw new Error("No task.");
    gateway.kill();
    other.shards.hold([moved]);
    await bench.settle();
    expect(other.confirmed).toMatchObject([{ runId: moved.runId, tenant: TENANT, timeoutMs: 60_000 }]);
    other.held.set("moved", moved);
    await bench.clock.advance(KEEPALIVE_MS + HOLDER_GRACE_MS + 500);
    other.pull(10);
    await bench.settle();
    expect(new Set(runsOf(other)).size).toBe(2);
  });
});

describe("a new owner", () => {
  it("hears what workers hold before it gives that out", async () => {
    const { bench, node, gateway, other } = await opened(4);
    gateway.pull(2);
    await bench.settle();
    bench.kill(node);
    await bench.serve("n2");
    await bench.clock.advance(HOLD_BACK_MS - 100);
    other.pull(10);
    await bench.settle();
    expect(other.held.size).toBe(0);
    await bench.clock.advance(100);
    other.pull(10);
    await bench.settle();
    expect([other.held.size, new Set([...runsOf(gateway), ...runsOf(other)]).size]).toEqual([2, 4]);
    expect(gateway.confirmed).toEqual([]);
  });

  it("in a process that has just begun waits longer for workers that have to find it first", async () => {
    const { bench, node, gateway, other } = await opened(1);
    gateway.pull(1);
    await bench.settle();
    bench.kill(node);
    gateway.kill();
    bench.holdBackMs = HOLD_BACK_AT_START_MS;
    await bench.serve("n2");
    await bench.clock.advance(HOLD_BACK_AT_START_MS - 100);
    other.pull(1);
    await bench.settle();
    expect(other.held.size).toBe(0);
    await bench.clock.advance(100);
    other.pull(1);
    await bench.settle();
    expect(other.held.size).toBe(1);
  });

  it("does not give out what is reported, though the report is still on its way", async () => {
    const { bench, node, gateway, other } = await opened(1);
    gateway.pull(1);
    await bench.settle();
    const [token] = gateway.held.values();
    if (token === undefined) throw new Error("No task.");
    bench.kill(node);
    gateway.send(gateway.resultOf(token));
    bench.latencyMs = 2_000;
    await bench.serve("n2");
    await bench.settle();
    await bench.clock.advance(HOLD_BACK_MS + 100);
    other.pull(1);
    await bench.clock.advance(100);
    expect([other.held.size, bench.disk().runs.get(token.runId)?.status]).toEqual([0, "running"]);
    await bench.clock.advance(2_000);
    expect(bench.disk().runs.get(token.runId)?.status).toBe("completed");
  });

  it("has the workers stop what nobody waits for", async () => {
    const { bench, node, gateway, other } = await opened(1);
    gateway.pull(1);
    await bench.settle();
    const [token] = gateway.held.values();
    if (token === undefined) throw new Error("No task.");
    bench.hub.loses = ({ to }) => to === "g1";
    await other.ask({ type: "terminate", tenant: TENANT, runId: token.runId, reason: "" });
    bench.hub.loses = null;
    bench.kill(node);
    await bench.serve("n2");
    await bench.clock.advance(SHARD_SILENCE_MS_MAX);
    expect(gateway.withdrawn).toMatchObject([{ runId: token.runId }]);
  });

  it("gives out what an old one had given to a gateway that never got it", async () => {
    const { bench, node, gateway, other } = await opened(1);
    bench.hub.loses = ({ to }) => to === "g1";
    gateway.pull(1);
    await bench.settle();
    bench.kill(node);
    bench.hub.loses = null;
    await bench.serve("n2");
    await bench.clock.advance(HOLD_BACK_MS);
    other.pull(1);
    await bench.settle();
    expect([gateway.spoken, gateway.held.size, other.held.size]).toEqual([0, 0, 1]);
  });

  it("of an older term gives tasks to nobody any more", async () => {
    const { bench, gateway } = await opened(2);
    await bench.serve("n2");
    await bench.clock.advance(HOLD_BACK_MS);
    gateway.pull(10);
    await bench.settle();
    expect(runsOf(gateway)).toHaveLength(2);
    expect(new Set(runsOf(gateway)).size).toBe(2);
  });
});

describe("what is said of one attempt in one turn", () => {
  it.each([
    ["held and given back", ["hold", "give back"], 1],
    ["given back and held", ["give back", "hold"], 0],
  ] as const)("counts in the order it was said: %s", async (_what, steps, waiting) => {
    const { bench, gateway, other } = await opened(1);
    gateway.pull(1);
    await bench.settle();
    const [token] = gateway.held.values();
    if (token === undefined) throw new Error("No task.");
    for (const step of steps) {
      if (step === "hold") gateway.shards.hold([token]);
      else gateway.shards.giveBack([token]);
    }
    await bench.settle();
    other.pull(1);
    await bench.settle();
    expect(other.held.size).toBe(waiting);
  });
});

describe("I7: credits of a gateway", () => {
  it("go to shards in proportion to the tenants that wait there, however many tasks these have", async () => {
    const bench = new LinkBench();
    const [one, two] = [shardId(0), shardId(1)];
    await bench.serve("n1", one);
    await bench.serve("n2", two);
    const gateway = bench.gateway("g1");
    gateway.shards.route([
      { shard: one, from: 0, until: SLOT_COUNT / 2 },
      { shard: two, from: SLOT_COUNT / 2, until: SLOT_COUNT },
    ]);
    await bench.settle();
    const start = (slot: number, tenant: string) => gateway.send({ ...bench.startOf(slot), tenant: tenantId(tenant) });
    for (let run = 0; run < 100; run++) start(0, "noisy");
    for (let run = 0; run < 12; run++) start(SLOT_COUNT - 1, `quiet${run % 3}`);
    await bench.settle();
    gateway.pull(8);
    await bench.settle();
    const onTwo = runsOf(gateway).filter((runId) => bench.disk(two).runs.has(runId));
    expect([gateway.held.size, onTwo.length]).toEqual([8, 6]);
    // Another gateway takes what is left on one of them: the credits that find nothing there are asked for elsewhere.
    const other = bench.gateway("g2");
    other.shards.route([{ shard: two, from: 0, until: SLOT_COUNT }]);
    await bench.settle();
    other.pull(100);
    await bench.settle();
    gateway.demands.length = 0;
    gateway.pull(8);
    await bench.settle();
    expect([gateway.held.size, gateway.spoken, gateway.demands]).toEqual([10, 0, ["work"]]);
    gateway.pull(6);
    await bench.settle();
    expect([gateway.held.size, gateway.spoken]).toEqual([16, 0]);
  });

  it("do not lie at a shard that nobody serves", async () => {
    const bench = new LinkBench();
    const [one, two] = [shardId(0), shardId(1)];
    const lost = await bench.serve("n1", one);
    await bench.serve("n2", two);
    const gateway = bench.gateway("g1");
    gateway.shards.route([
      { shard: one, from: 0, until: 1 },
      { shard: two, from: 1, until: SLOT_COUNT },
    ]);
    await bench.settle();
    for (const slot of [0, 0, 1, 1]) gateway.send(bench.startOf(slot));
    await bench.settle();
    bench.kill(lost);
    await bench.clock.advance(KEEPALIVE_MS + 200);
    gateway.pull(2);
    await bench.settle();
    expect([gateway.held.size, gateway.spoken]).toEqual([2, 0]);
    expect(SHARD).toBe(one);
  });
});
