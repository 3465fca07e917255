// The link over a real NATS server, in real time: owners that die, that hand over and that do not know they are out, and a
// server killed under all of them. Shards are models (testdata): what is tested is the way to them.

import type { Bus } from "@millrace/bus/bus.ts";
import { openNatsBus } from "@millrace/bus/nats/nats-bus.ts";
import { systemClock } from "@millrace/clock/system.ts";
import { mintRunId } from "@millrace/core/run-id.ts";
import { slot, workerName, workflowName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { StartRun } from "@millrace/model/run-commands.ts";
import type { OwedAttempt, Task, TaskToken } from "@millrace/model/task.ts";
import { closeNats, connectNats } from "@millrace/nats/connect.ts";
import { type NatsServer, startNats } from "@millrace/testing/nats-server.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { describe, expect, test } from "vitest";
import type { HeldAttempt, Origin, Reply, RunEnd, TaskSink } from "../link.ts";
import { RemoteShards } from "./remote-shards.ts";
import { ShardServer } from "./shard-server.ts";
import { EVERYTHING, SHARD, SUBJECTS, TENANT } from "./testdata/link-bench.ts";
import { ModelDisk } from "./testdata/model-disk.ts";
import { ModelShard } from "./testdata/model-shard.ts";
import { nameOf } from "./testdata/model-tasks.ts";

/** A process' connection to the bus. */
async function connect(server: NatsServer): Promise<{ readonly bus: Bus; readonly close: () => Promise<void> }> {
  const client = await connectNats({ servers: [server.address], name: "t", prefix: "t", login: null, tls: null });
  const bus = openNatsBus(client);
  return { bus, close: () => closeNats(client) };
}

/** A process that serves the shard. */
class Owner {
  readonly shard: ModelShard;
  readonly #server: ShardServer;
  readonly #close: () => Promise<void>;

  private constructor(bus: Bus, disk: ModelDisk, close: () => Promise<void>) {
    this.shard = new ModelShard(disk, systemClock);
    this.#server = new ShardServer({
      ...{ id: SHARD, shard: this.shard, bus, clock: systemClock, subjects: SUBJECTS, process: "owner" },
    });
    this.#close = close;
  }

  static async serve(server: NatsServer, disk: ModelDisk): Promise<Owner> {
    const { bus, close } = await connect(server);
    const owner = new Owner(bus, disk, close);
    owner.shard.serve();
    await owner.#server.open();
    return owner;
  }

  async die(): Promise<void> {
    this.shard.die();
    await this.#close();
    this.#server.close();
  }

  async release(): Promise<void> {
    this.shard.stop();
    this.#server.close();
    await this.#close();
  }
}

/** A gateway whose client starts runs and whose workers finish whatever task they get. */
class Gateway implements Origin, TaskSink {
  readonly shards: RemoteShards;
  readonly #close: () => Promise<void>;
  readonly #held = new Map<string, HeldAttempt>();
  readonly #runs = new Map<number, "open" | "done">();
  /** What came of commands, and what went wrong. */
  readonly refused: Reply[] = [];
  readonly mistakes: string[] = [];
  ends = 0;
  #ref = 0;
  #isPulling = false;

  private constructor(bus: Bus, name: string, close: () => Promise<void>) {
    this.#close = close;
    this.shards = new RemoteShards({
      ...{ bus, clock: systemClock, subjects: SUBJECTS, process: name, suspect: () => {} },
    });
    this.shards.route(EVERYTHING);
    this.shards.connect(this);
  }

  static async open(server: NatsServer, name: string): Promise<Gateway> {
    const { bus, close } = await connect(server);
    return new Gateway(bus, name, close);
  }

  start(count: number): void {
    const batch = Array.from({ length: count }, () => ({ ref: ++this.#ref, command: startOf(), notifyEnd: true }));
    for (const { ref } of batch) this.#runs.set(ref, "open");
    this.shards.submit(this, batch);
  }

  get open(): number {
    return this.#runs.size;
  }

  replied(replies: readonly Reply[]): void {
    for (const reply of replies) {
      if (reply.ref === 0) continue;
      if (reply.type === "refused") this.refused.push(reply);
      if (this.#runs.get(reply.ref) !== "open") this.mistakes.push(`${reply.ref} is answered twice`);
      this.#runs.set(reply.ref, "done");
    }
  }

  ended(ends: readonly RunEnd[]): void {
    for (const { ref } of ends) {
      if (!this.#runs.delete(ref)) this.mistakes.push(`the end of ${ref} is told twice`);
      this.ends++;
    }
  }

  demand(): void {
    if (this.#isPulling) return;
    this.#isPulling = true;
    setImmediate(() => {
      this.#isPulling = false;
      let found = 0;
      this.shards.pull(["work"], 64, (tasks) => {
        found += tasks.length;
        for (const task of tasks) this.#work(task);
        if (tasks.length > 0) this.demand();
      });
    });
  }

  withdraw(): void {}

  moved(): void {}

  owed(_attempts: readonly OwedAttempt[]): void {}

  holding(): Iterable<HeldAttempt> {
    return this.#held.values();
  }

  async close(): Promise<void> {
    this.shards.close();
    await this.#close();
  }

  /** Works on a task until the next turn of the event loop. */
  #work(task: Task): void {
    const { runId, epoch, step, item, attempt } = task;
    const token: TaskToken = { runId, epoch, step, item, attempt };
    this.#held.set(nameOf(task), { ...token, isKnown: true, isPresent: true });
    setImmediate(() => {
      this.#held.delete(nameOf(task));
      const outcome = { type: "completed", output: json("1") } as const;
      const result = { ...token, outcome, worker: workerName("w@1"), startedMs: 1, logs: null };
      this.shards.submit(this, [
        { ref: 0, command: { type: "result", tenant: TENANT, runId, result }, notifyEnd: false },
      ]);
    });
  }
}

let minted = 0;
function startOf(): StartRun {
  const runId = mintRunId(Date.now(), slot(1), ++minted, process.pid);
  return {
    ...{ type: "start", runId, tenant: TENANT, workflow: workflowName("one"), version: 1, input: json("1") },
    ...{ idempotencyKey: "", inputHash: "", traceparent: "", parent: null },
  };
}

describe("the link over NATS", () => {
  test("I3, I4, I6: answers each start once and tells each end once, though owners change and a server is killed", async () => {
    await using server = await startNats();
    const disk = new ModelDisk();
    let owner = await Owner.serve(server, disk);
    const gateways = [await Gateway.open(server, "g1"), await Gateway.open(server, "g2")];
    const total = (): number => gateways.reduce((sum, { ends }) => sum + ends, 0);
    let asked = 0;
    /** Keeps runs under way until so many more have ended. */
    const load = async (ends: number): Promise<void> => {
      const until = total() + ends;
      await waitUntil(`${until} ends`, () => {
        for (const gateway of gateways)
          if (gateway.open < 100) {
            gateway.start(50);
            asked += 50;
          }
        return total() >= until;
      });
    };
    await load(300);
    await owner.die();
    const second = Owner.serve(server, disk);
    await load(300);
    owner = await second;
    await server.kill();
    await server.start();
    await load(300);
    // The old one goes on without knowing that it is out.
    const third = await Owner.serve(server, disk);
    await load(300);
    await owner.release();
    await third.release();
    const last = await Owner.serve(server, disk);
    await load(300);
    await waitUntil("all to have ended", () => gateways.every(({ open }) => open === 0));
    expect(gateways.flatMap(({ refused, mistakes }) => [...refused, ...mistakes])).toEqual([]);
    expect([total(), disk.runs.size]).toEqual([asked, asked]);
    for (const { done } of disk.runs.values()) expect(done).toEqual(["start", "result"]);
    for (const gateway of gateways) await gateway.close();
    await last.release();
  });
});
