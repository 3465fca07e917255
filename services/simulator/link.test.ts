// The link over the bus with real shards and real task hubs at its ends, in virtual time: one shard whose owner changes,
// and two gateways.
import { openMemoryBlobs } from "@millrace/blobs/memory/memory-blobs.ts";
import type { MemoryBusHandle } from "@millrace/bus/memory/handle.ts";
import { MemoryBus } from "@millrace/bus/memory/hub.ts";
import { drain, VirtualClock } from "@millrace/clock/virtual.ts";
import { decodeRunState } from "@millrace/codec/run-state-v1.ts";
import { mintRunId } from "@millrace/core/run-id.ts";
import { TaskHub } from "@millrace/gateway/tasks/task-hub.ts";
import type { WorkerFrame, WorkerLink } from "@millrace/gateway/tasks/worker-link.ts";
import { WorkerSession } from "@millrace/gateway/tasks/worker-session.ts";
import { MemoryLog } from "@millrace/journal/memory/log.ts";
import { openMemoryJournal } from "@millrace/journal/memory/open.ts";
import { HOLD_BACK_MS } from "@millrace/link/bus/limits.ts";
import { RemoteShards } from "@millrace/link/bus/remote-shards.ts";
import { ShardServer } from "@millrace/link/bus/shard-server.ts";
import type { Origin, Reply, RunEnd } from "@millrace/link/link.ts";
import type { Definition, StepDefinition } from "@millrace/model/definition.ts";
import { type RunId, SLOT_COUNT, shardId, slot, tenantId, workflowName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import type { Task } from "@millrace/model/task.ts";
import { Shard } from "@millrace/shard-host/shard.ts";
import { MemoryDisk, openMemoryStore } from "@millrace/store/memory/memory-store.ts";
import { describe, expect, it } from "vitest";
import { GatedClock } from "./gated-clock.ts";

const TENANT = tenantId("t");
const FLOW = workflowName("flow");
const SHARD = shardId(0);
const SUBJECTS = { shard: (id: number) => `m.shard.${id}`, owner: "m.owner" };

function step(name: string, needs: readonly string[]): StepDefinition {
  return {
    ...{ name, uses: "work", kind: "task", needs, if: null, forEach: null, maxConcurrency: 100, with: null },
    ...{ hasWith: false, child: null, attemptTimeoutMs: 300_000, stepTimeoutMs: 0 },
    retry: { maxAttempts: 5, initialDelayMs: 500, maxDelayMs: 60_000, multiplier: 2 },
  };
}

const DEFINITION: Definition = {
  ...{ name: FLOW, triggers: [], steps: [step("a", []), step("b", ["a"])], output: "${steps.b.output}" },
  ...{ hasOutput: true, timeoutMs: 0 },
};

interface Owner {
  readonly clock: GatedClock;
  readonly bus: MemoryBusHandle;
  readonly shard: Shard;
  readonly server: ShardServer;
}

class Cluster {
  readonly clock = new VirtualClock(1);
  readonly hub = new MemoryBus(this.clock);
  readonly log = new MemoryLog();
  readonly #disk = new MemoryDisk();
  readonly #blobs = openMemoryBlobs();
  #minted = 0;

  async serve(name: string): Promise<Owner> {
    const clock = new GatedClock(this.clock);
    const bus = this.hub.connect(name, clock);
    const registered = { tenant: TENANT, name: FLOW, version: 1, definition: DEFINITION, source: "", registeredMs: 1 };
    const shard = new Shard({
      ...{ id: SHARD, node: name, blobs: this.#blobs, clock, findDefinition: () => registered, leased: () => true },
      openJournal: () => openMemoryJournal(this.log, clock),
      submit: () => {},
      terms: { mayClaim: () => true, lost() {} },
      store: openMemoryStore({ disk: this.#disk, soon: (callback) => clock.soon(callback) }),
      observer: {
        ...{ recovering() {}, recovered() {}, appended() {}, checkpointed() {}, unreadable() {}, failed() {} },
      },
    });
    const open = shard.open();
    await this.pass(10);
    await open;
    const server = new ShardServer({ id: SHARD, shard, bus, clock, subjects: SUBJECTS, process: name });
    void server.open();
    await this.pass(1);
    return { clock, bus, shard, server };
  }

  /** The process dies, and with it whatever was not durable. */
  kill({ clock, bus }: Owner): void {
    clock.shut();
    bus.crash();
    this.log.crash();
    this.#disk.crash(0);
  }

  async release({ shard, server }: Owner): Promise<void> {
    const stopped = shard.stop();
    await this.pass(50);
    await stopped;
    server.close();
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await drain();
  }

  startOf(): RunCommand & { readonly type: "start" } {
    const runId = mintRunId(this.clock.nowMs(), slot(7), ++this.#minted, 0);
    return {
      ...{ type: "start", runId, tenant: TENANT, workflow: FLOW, version: 1, input: json("1"), idempotencyKey: "" },
      ...{ inputHash: "", traceparent: "", parent: null },
    };
  }
}

/** A gateway, a client of it, and a worker with so many credits. */
class Gateway implements Origin, WorkerLink {
  readonly shards: RemoteShards;
  readonly hub: TaskHub;
  readonly replies = new Map<number, Reply>();
  readonly ends: RunEnd[] = [];
  /** Every task its worker ever got, and those it has. */
  readonly given: Task[] = [];
  readonly has: Task[] = [];
  readonly settled: number[] = [];
  readonly #clock: GatedClock;
  readonly #bus: MemoryBusHandle;
  #session: WorkerSession;
  #ref = 0;
  #frame = 0;

  constructor(cluster: Cluster, name: string, credits: number) {
    this.#clock = new GatedClock(cluster.clock);
    this.#bus = cluster.hub.connect(name, this.#clock);
    this.shards = new RemoteShards({
      ...{ bus: this.#bus, clock: this.#clock, subjects: SUBJECTS, process: name, suspect: () => {} },
    });
    this.shards.route([{ shard: SHARD, from: 0, until: SLOT_COUNT }]);
    this.hub = new TaskHub(this.shards, this.#clock);
    this.shards.connect(this.hub);
    this.#session = this.#open([]);
    this.#session.grant(credits);
  }

  kill(): void {
    this.#clock.shut();
    this.#bus.crash();
  }

  start(cluster: Cluster): RunId {
    const command = cluster.startOf();
    this.shards.submit(this, [{ ref: ++this.#ref, command, notifyEnd: true }]);
    return command.runId;
  }

  /** The worker's stream breaks; returns what it has. */
  lose(): Task[] {
    this.#session.end("the connection broke");
    return this.has.splice(0);
  }

  /** A worker of another gateway comes here with what it has. */
  take(tasks: readonly Task[]): void {
    this.#session = this.#open(tasks);
    this.has.push(...tasks);
  }

  /** The worker is done with all it has. */
  finish(): void {
    const tasks = this.has.splice(0);
    const results = tasks.map(({ runId, epoch, step: index, item, attempt }) => ({
      ...{ runId, epoch, step: index, item, attempt, logs: null },
      outcome: { type: "completed", output: json('"out"') } as const,
    }));
    this.#session.heard();
    this.#session.report(++this.#frame, results);
    this.#session.grant(tasks.length);
  }

  replied(replies: readonly Reply[]): void {
    for (const reply of replies) this.replies.set(reply.ref, reply);
  }

  ended(ends: readonly RunEnd[]): void {
    this.ends.push(...ends);
  }

  send({ tasks, settled }: WorkerFrame): boolean {
    this.given.push(...tasks);
    this.has.push(...tasks);
    this.settled.push(...settled);
    return true;
  }

  resume(): void {}

  close(): void {}

  #open(holding: readonly Task[]): WorkerSession {
    const session = this.hub.open({ name: "w", build: "b", taskTypes: ["work"], holding, tenant: TENANT }, this);
    if (!(session instanceof WorkerSession)) throw new Error(session.message);
    return session;
  }
}

async function opened(credits: number) {
  const cluster = new Cluster();
  const owner = await cluster.serve("n1");
  const [one, two] = [new Gateway(cluster, "g1", credits), new Gateway(cluster, "g2", credits)];
  await cluster.pass(HOLD_BACK_MS);
  return { cluster, owner, one, two };
}

const namesOf = (tasks: readonly Task[]): string[] => tasks.map(({ runId, step: index }) => `${runId}/${index}`);

describe("shards over the bus", () => {
  it("run workflows to their ends, each task made by one worker", async () => {
    const { cluster, one, two } = await opened(4);
    const runs = Array.from({ length: 20 }, () => one.start(cluster));
    for (let round = 0; round < 20; round++) {
      await cluster.pass(20);
      one.finish();
      two.finish();
    }
    await cluster.pass(20);
    expect([...one.replies.values()]).toMatchObject(runs.map((runId) => ({ type: "done", runId, repeated: false })));
    expect(new Set(one.ends.map(({ runId }) => runId))).toEqual(new Set(runs));
    expect(one.ends[0]).toMatchObject({ status: "completed", output: '"out"' });
    const made = namesOf([...one.given, ...two.given]);
    expect([made.length, new Set(made).size, one.hub.idle(), two.hub.idle()]).toEqual([40, 40, true, true]);
    expect([one.given.length > 0, two.given.length > 0]).toEqual([true, true]);
  });

  it.each(["dies", "hands over", "does not know that it is out"])(
    "whose owner %s go on where they were: no task is made twice, and every end is told once",
    async (how) => {
      const { cluster, owner, one, two } = await opened(6);
      const runs = Array.from({ length: 10 }, () => one.start(cluster));
      await cluster.pass(20);
      one.finish();
      await cluster.pass(20);
      // Five results are under way, others are in the hands of workers, and some tasks wait.
      one.finish();
      if (how === "dies") cluster.kill(owner);
      if (how === "hands over") await cluster.release(owner);
      const late = one.start(cluster);
      await cluster.serve("n2");
      for (let round = 0; round < 30; round++) {
        await cluster.pass(100);
        one.finish();
        two.finish();
      }
      await cluster.pass(100);
      expect(one.ends.map(({ runId }) => runId).toSorted()).toEqual([...runs, late].toSorted());
      const made = namesOf([...one.given, ...two.given]);
      expect(made.length).toBe(new Set(made).size);
    },
  );

  it("keep a task with its worker that comes back by another gateway", async () => {
    const { cluster, one, two } = await opened(1);
    const runId = one.start(cluster);
    await cluster.pass(20);
    const [holder, other] = one.has.length > 0 ? [one, two] : [two, one];
    const tasks = holder.has.splice(0);
    holder.kill();
    other.take(tasks);
    // Longer than a lost gateway is waited for, shorter than a silent worker.
    await cluster.pass(12_000);
    expect(other.given).toEqual([]);
    other.finish();
    await cluster.pass(50);
    other.finish();
    await cluster.pass(50);
    const states: string[] = [];
    other.shards.run(TENANT, runId, (view) =>
      states.push("code" in view ? view.code : decodeRunState(view.bytes).status),
    );
    await cluster.pass(50);
    expect(states).toEqual(["completed"]);
  });

  it("keep a task with its worker that comes back by another gateway while the first one lives", async () => {
    const { cluster, one, two } = await opened(1);
    one.start(cluster);
    await cluster.pass(20);
    const [left, other] = one.has.length > 0 ? [one, two] : [two, one];
    other.take(left.lose());
    // Longer than a lost worker is waited for.
    await cluster.pass(12_000);
    expect([left.given.length + other.given.length, left.hub.idle()]).toEqual([1, true]);
    other.finish();
    await cluster.pass(50);
    expect(other.given.map(({ step: index, attempt }) => [index, attempt])).toContainEqual([1, 1]);
  });

  it("refuse nothing and lose nothing when the bus is cut for a while", async () => {
    const { cluster, one, two } = await opened(6);
    const runs = Array.from({ length: 10 }, () => one.start(cluster));
    for (let round = 0; round < 40; round++) {
      cluster.hub.loses = round % 3 === 1 ? () => cluster.clock.random32() % 3 === 0 : null;
      await cluster.pass(250);
      one.finish();
      two.finish();
    }
    cluster.hub.loses = null;
    await cluster.pass(3_000);
    one.finish();
    two.finish();
    await cluster.pass(3_000);
    expect(one.ends.map(({ runId }) => runId).toSorted()).toEqual(runs.toSorted());
    expect([...one.replies.values()].filter(({ type }) => type === "refused")).toEqual([]);
  });
});
