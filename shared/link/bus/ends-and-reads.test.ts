// Ends, questions and watches over the bus, through changes of owners and lost frames.
import { MESSAGE_BYTES_MAX } from "@millrace/bus/bus.ts";
import type { RunId } from "@millrace/model/ids.ts";
import { tenantId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import { describe, expect, it } from "vitest";
import type { ListPage, RunView, Watching } from "../link.ts";
import { KEEPALIVE_MS, PARTS_AT_ONCE, PATIENCE_MS, SHARD_SILENCE_MS_MAX } from "./limits.ts";
import { type BenchGateway, type BenchNode, LinkBench, SHARD, TENANT } from "./testdata/link-bench.ts";

interface Scene {
  readonly bench: LinkBench;
  node: BenchNode;
  readonly gateway: BenchGateway;
}

async function opened(): Promise<Scene> {
  const bench = new LinkBench();
  const node = await bench.serve("n1");
  const gateway = bench.gateway("g1");
  await bench.settle();
  return { bench, node, gateway };
}

const terminate = (runId: RunId): RunCommand => ({ type: "terminate", tenant: TENANT, runId, reason: "" });

/** Ways in which an owner stops being it. */
const CHANGES: readonly (readonly [string, (scene: Scene) => Promise<void>])[] = [
  [
    "dies",
    async (scene) => {
      scene.bench.kill(scene.node);
      scene.node = await scene.bench.serve("n2");
    },
  ],
  [
    "hands over",
    async (scene) => {
      await scene.bench.release(scene.node);
      scene.node = await scene.bench.serve("n2");
    },
  ],
  [
    "does not know that it is out",
    async (scene) => {
      scene.node = await scene.bench.serve("n2");
    },
  ],
  [
    "begins anew",
    async ({ bench, node }) => {
      node.shard.serve();
      await bench.settle();
    },
  ],
  [
    "is this very process from now on",
    async (scene) => {
      scene.bench.kill(scene.node);
      scene.node = await scene.bench.serveOn(scene.gateway.bus, "g1");
      scene.gateway.shards.host(SHARD, scene.node.shard);
    },
  ],
];

describe("a run's end", () => {
  it("is told to whoever started it, under their number", async () => {
    const { bench, gateway } = await opened();
    const runId = await gateway.start(true);
    await gateway.ask(terminate(runId));
    expect(gateway.ends).toMatchObject([{ ref: 1, runId, status: "terminated" }]);
    await bench.clock.advance(PATIENCE_MS);
    expect(gateway.ends).toHaveLength(1);
  });

  it.each(CHANGES)("is told once, though the owner %s before it comes", async (_how, change) => {
    const scene = await opened();
    const runId = await scene.gateway.start(true);
    await change(scene);
    await scene.bench.settle();
    await scene.gateway.ask(terminate(runId));
    expect(scene.gateway.ends).toMatchObject([{ ref: 1, runId }]);
    await scene.bench.clock.advance(PATIENCE_MS);
    expect(scene.gateway.ends).toHaveLength(1);
  });

  it.each(CHANGES)(
    "that comes while the gateway hears nothing is told once, though the owner %s",
    async (_how, change) => {
      const scene = await opened();
      const { bench, gateway } = scene;
      const other = bench.gateway("g2");
      const runId = await gateway.start(true);
      bench.hub.loses = ({ to }) => to === "g1";
      await other.ask(terminate(runId));
      expect(gateway.ends).toEqual([]);
      await change(scene);
      bench.hub.loses = null;
      await bench.clock.advance(SHARD_SILENCE_MS_MAX + KEEPALIVE_MS);
      expect(gateway.ends).toMatchObject([{ ref: 1, runId }]);
    },
  );

  it("that was lost on its way is missed by the next sign of life", async () => {
    const { bench, gateway } = await opened();
    const other = bench.gateway("g2");
    const runId = await gateway.start(true);
    await bench.clock.advance(500);
    bench.hub.loses = ({ to }) => to === "g1";
    await other.ask(terminate(runId));
    bench.hub.loses = null;
    await bench.clock.advance(KEEPALIVE_MS + 200);
    expect(gateway.ends).toMatchObject([{ runId }]);
  });

  it("of a start answered by an owner of an older term is heard of from the newer one", async () => {
    const { bench, node, gateway } = await opened();
    node.shard.latencyMs = 50;
    const command = bench.startOf();
    const ref = gateway.send(command, true);
    await bench.clock.advance(52);
    // The answer is on its way while another owner begins to serve, which refuses for a while.
    bench.hub.latencyMs = 20;
    const next = await bench.serve("n2");
    const submit = next.shard.submit.bind(next.shard);
    next.shard.submit = (origin, envelope) => {
      if (envelope.command.type !== "start") return submit(origin, envelope);
      origin.replied([{ type: "refused", ref: envelope.ref, refusal: REFUSED }]);
    };
    await bench.clock.advance(200);
    expect(gateway.replies.get(ref)).toMatchObject({ type: "done" });
    next.shard.submit = submit;
    gateway.send(terminate(command.runId));
    await bench.clock.advance(200);
    expect(gateway.ends).toMatchObject([{ ref, runId: command.runId }]);
  });

  it("I9: is waited for by nobody, here and at the owner, soon after its caller has gone", async () => {
    const { bench, node, gateway } = await opened();
    const runId = await gateway.start(true);
    expect(node.shard.followers(runId)).toBe(1);
    gateway.shards.forget(gateway);
    await bench.clock.advance(11_000);
    expect(node.shard.followers(runId)).toBe(0);
    await gateway.ask(terminate(runId));
    expect(gateway.ends).toEqual([]);
  });
});

const REFUSED: Refusal = { code: "SHARD_UNAVAILABLE", field: "", message: "", fix: "", retryDelayMs: 60_000 };

describe("a question", () => {
  it("about a run is answered, also with what does not fit into one message", async () => {
    const { bench, node, gateway } = await opened();
    const runId = await gateway.start();
    expect(await gateway.view(runId)).toMatchObject({ runId, position: 1, definition: "{}" });
    bench
      .disk()
      .runs.get(runId)
      ?.done.push("x".repeat(3 * MESSAGE_BYTES_MAX));
    const view = await gateway.view(runId);
    expect(view !== undefined && "bytes" in view ? view.bytes.length : 0).toBeGreaterThan(3 * MESSAGE_BYTES_MAX);
    expect(await gateway.ask(bench.startOf())).toMatchObject({ type: "done" });
    expect(node.shard.term).toBe(1);
  });

  it("is answered though the answer is larger than what the bus holds, and what comes after it comes after it", async () => {
    const { bench, gateway } = await opened();
    const runId = await gateway.start();
    const bytes = 40 * MESSAGE_BYTES_MAX;
    // Some parts are on their way to the reader while the next ones leave.
    bench.hub.queueBytesMax = (2 * PARTS_AT_ONCE + 2) * MESSAGE_BYTES_MAX;
    bench.disk().runs.get(runId)?.done.push("x".repeat(bytes));
    const answers: (RunView | Refusal)[] = [];
    gateway.shards.run(TENANT, runId, (answer) => answers.push(answer));
    await bench.clock.advance(1);
    const ref = gateway.send(bench.startOf());
    await bench.clock.advance(100);
    const [view] = answers;
    expect(view !== undefined && "bytes" in view ? view.bytes.length : 0).toBeGreaterThan(bytes);
    expect(gateway.replies.get(ref)).toMatchObject({ type: "done" });
  });

  it("is refused like a run of nobody's when the run is another tenant's", async () => {
    const { gateway, bench } = await opened();
    const runId = await gateway.start();
    const answers: (RunView | Refusal)[] = [];
    gateway.shards.run(tenantId("other"), runId, (answer) => answers.push(answer));
    await bench.settle();
    expect(answers).toMatchObject([{ code: "RUN_NOT_FOUND" }]);
  });

  it.each(CHANGES)("is answered once, though the owner %s before it could", async (_how, change) => {
    const scene = await opened();
    const { bench, gateway } = scene;
    const runId = await gateway.start();
    scene.node.shard.latencyMs = 50;
    const views: (RunView | Refusal)[] = [];
    const pages: (ListPage | Refusal)[] = [];
    gateway.shards.run(TENANT, runId, (answer) => views.push(answer));
    gateway.shards.list({ ...QUERY, limit: 10 }, (answer) => pages.push(answer));
    await bench.clock.advance(10);
    await change(scene);
    scene.node.shard.latencyMs = 1;
    await bench.clock.advance(500);
    expect([views, pages]).toMatchObject([[{ runId }], [{ runs: [{ runId }], next: null }]]);
    await bench.clock.advance(PATIENCE_MS);
    expect([views.length, pages.length]).toEqual([1, 1]);
  });

  it("is refused when nobody could answer it for long", async () => {
    const { bench, node, gateway } = await opened();
    const runId = await gateway.start();
    bench.kill(node);
    const answers: (RunView | ListPage | Refusal)[] = [];
    gateway.shards.run(TENANT, runId, (answer) => answers.push(answer));
    gateway.shards.list({ ...QUERY, limit: 10 }, (answer) => answers.push(answer));
    await bench.clock.advance(PATIENCE_MS + 200);
    expect(answers).toMatchObject([{ code: "SHARD_UNAVAILABLE" }, { code: "SHARD_UNAVAILABLE" }]);
  });
});

const QUERY = {
  ...{ tenant: TENANT, workflow: null, status: null, startedFromMs: 0, startedUntilMs: 0, before: null },
};

/** Of a run as the model shard writes it. */
function statusIn(bytes: Uint8Array): string {
  const run: unknown = JSON.parse(Buffer.from(bytes).toString());
  if (typeof run === "object" && run !== null && "status" in run) return String(run.status);
  throw new Error("The model shard wrote no run.");
}

/** A watcher that keeps what it is told, and takes it when it is told to. */
class Watcher {
  readonly told: string[] = [];
  refused: Refusal | null = null;
  readonly #watching: Watching;

  constructor(gateway: BenchGateway, runId: RunId) {
    this.#watching = gateway.shards.watch(TENANT, runId, (answer) => {
      if ("code" in answer) this.refused = answer;
      else this.told.push(statusIn(answer.bytes));
    });
  }

  take(): void {
    this.#watching.taken();
  }

  end(): void {
    this.#watching.end();
  }
}

const pause = (runId: RunId): RunCommand => ({ type: "pause", tenant: TENANT, runId, reason: "" });
const resume = (runId: RunId): RunCommand => ({ type: "resume", tenant: TENANT, runId });

describe("a watcher", () => {
  it("is told one state at a time, the newest when it has taken the last", async () => {
    const { bench, gateway } = await opened();
    const runId = await gateway.start();
    const watcher = new Watcher(gateway, runId);
    await bench.settle();
    expect(watcher.told).toEqual(["running"]);
    for (const command of [pause(runId), resume(runId), pause(runId)]) await gateway.ask(command);
    expect(watcher.told).toEqual(["running"]);
    watcher.take();
    await bench.settle();
    expect(watcher.told).toEqual(["running", "paused"]);
    watcher.take();
    await gateway.ask(terminate(runId));
    expect(watcher.told).toEqual(["running", "paused", "terminated"]);
  });

  it("shares its run's watch with others, and holds none of them up", async () => {
    const { bench, node, gateway } = await opened();
    const runId = await gateway.start();
    const watchers = [0, 1, 2].map(() => new Watcher(gateway, runId));
    await bench.settle();
    const late = new Watcher(gateway, runId);
    await bench.settle();
    expect(node.shard.watchers).toBe(1);
    expect([...watchers, late].map(({ told }) => told)).toEqual(Array.from({ length: 4 }, () => ["running"]));
    const [fast, slow, other] = watchers;
    fast?.take();
    other?.take();
    await gateway.ask(pause(runId));
    fast?.take();
    await gateway.ask(resume(runId));
    expect([fast?.told, slow?.told, other?.told]).toEqual([
      ["running", "paused", "running"],
      ["running"],
      ["running", "paused"],
    ]);
    await gateway.ask(terminate(runId));
    for (const watcher of [...watchers, late]) watcher.take();
    await bench.settle();
    for (const watcher of [...watchers, late]) expect(watcher.told.at(-1)).toBe("terminated");
    for (const watcher of [...watchers, late]) watcher.end();
    await bench.settle();
    expect(node.shard.watchers).toBe(0);
  });

  it.each(CHANGES)("hears of what happens after the owner %s", async (_how, change) => {
    const scene = await opened();
    const { bench, gateway } = scene;
    const runId = await gateway.start();
    const watchers = [new Watcher(gateway, runId), new Watcher(gateway, runId)];
    await bench.settle();
    watchers[0]?.take();
    await change(scene);
    await bench.settle();
    await gateway.ask(pause(runId));
    for (let turn = 0; turn < 3; turn++) {
      for (const watcher of watchers) watcher.take();
      await bench.settle();
    }
    for (const watcher of watchers) expect([watcher.told.at(-1), watcher.refused]).toEqual(["paused", null]);
  });

  it("misses nothing when the frame that says it is lost", async () => {
    const { bench, gateway } = await opened();
    const other = bench.gateway("g2");
    const runId = await gateway.start();
    const watcher = new Watcher(gateway, runId);
    await bench.settle();
    watcher.take();
    await bench.settle();
    bench.hub.loses = ({ to }) => to === "g1";
    await other.ask(pause(runId));
    bench.hub.loses = null;
    await bench.clock.advance(KEEPALIVE_MS + 300);
    expect(watcher.told).toEqual(["running", "paused"]);
  });

  it("is refused what is not there, and what nobody could show for long; one who was told something waits on", async () => {
    const { bench, node, gateway } = await opened();
    const runId = await gateway.start();
    const told = new Watcher(gateway, runId);
    const nothing = new Watcher(gateway, bench.startOf().runId);
    await bench.settle();
    expect(nothing.refused).toMatchObject({ code: "RUN_NOT_FOUND" });
    bench.kill(node);
    const late = new Watcher(gateway, bench.startOf().runId);
    const other = new Watcher(gateway, bench.startOf().runId);
    await bench.clock.advance(PATIENCE_MS * 2);
    expect([told.refused, late.refused?.code, other.refused?.code]).toEqual([
      null,
      "SHARD_UNAVAILABLE",
      "SHARD_UNAVAILABLE",
    ]);
    told.take();
    await bench.serve("n2");
    await gateway.ask(pause(runId));
    told.take();
    await bench.settle();
    expect(told.told.at(-1)).toBe("paused");
  });
});
