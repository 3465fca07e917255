// A small cluster for tests of the link: nodes with model shards, gateways, a memory bus between them, virtual time.
import type { MemoryBusHandle } from "@millrace/bus/memory/handle.ts";
import { MemoryBus } from "@millrace/bus/memory/hub.ts";
import { VirtualClock } from "@millrace/clock/virtual.ts";
import { mintRunId, slotOfRun } from "@millrace/core/run-id.ts";
import { type RunId, SLOT_COUNT, type ShardId, shardId, slot, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import type { OwedAttempt, Task, TaskToken } from "@millrace/model/task.ts";
import type { HeldAttempt, ListPage, Origin, Reply, RunEnd, RunView, TaskSink } from "../../link.ts";
import { HOLD_BACK_MS } from "../limits.ts";
import { type LinkSubjects, RemoteShards } from "../remote-shards.ts";
import { ShardServer } from "../shard-server.ts";
import { ModelDisk } from "./model-disk.ts";
import { ModelShard } from "./model-shard.ts";
import { nameOf } from "./model-tasks.ts";

export const TENANT = tenantId("t");
export const SHARD = shardId(0);
export const SUBJECTS: LinkSubjects = { shard: (id) => `m.shard.${id}`, owner: "m.owner" };
export const EVERYTHING = [{ shard: SHARD, from: 0, until: SLOT_COUNT }];

/** A process that serves one shard. */
export interface BenchNode {
  readonly bus: MemoryBusHandle;
  readonly shard: ModelShard;
  readonly server: ShardServer;
}

export class LinkBench {
  readonly clock: VirtualClock;
  readonly hub: MemoryBus;
  readonly disks = new Map<ShardId, ModelDisk>();
  /** How long the writes of owners to come take. */
  latencyMs = 1;
  /** How long they hold back what others may have given out. */
  holdBackMs = HOLD_BACK_MS;
  #minted = 0;

  constructor(seed = 1) {
    this.clock = new VirtualClock(seed);
    this.hub = new MemoryBus(this.clock);
  }

  disk(id: ShardId = SHARD): ModelDisk {
    const disk = this.disks.get(id) ?? new ModelDisk();
    this.disks.set(id, disk);
    return disk;
  }

  /** A process that serves the shard from now on, whoever else does. */
  async serve(name: string, id: ShardId = SHARD): Promise<BenchNode> {
    return this.serveOn(this.hub.connect(name), name, id);
  }

  /** … over a connection it has. */
  async serveOn(bus: MemoryBusHandle, name: string, id: ShardId = SHARD): Promise<BenchNode> {
    const shard = new ModelShard(this.disk(id), this.clock);
    shard.latencyMs = this.latencyMs;
    const server = new ShardServer({ id, shard, bus, clock: this.clock, subjects: SUBJECTS, process: name });
    shard.serve();
    // It listens also while the bus is cut, as soon as there is one again.
    server.open(this.holdBackMs).catch(() => {});
    await this.settle();
    return { bus, shard, server };
  }

  /** Stops serving in good order. */
  async release({ shard, server }: BenchNode): Promise<void> {
    shard.stop();
    server.close();
    await this.settle();
  }

  /** The process dies. */
  kill({ bus, shard, server }: BenchNode): void {
    bus.crash();
    shard.die();
    server.close();
  }

  gateway(name: string): BenchGateway {
    return new BenchGateway(this, name);
  }

  startOf(at = 1): RunCommand & { readonly type: "start" } {
    const runId = mintRunId(this.clock.nowMs(), slot(at), ++this.#minted, 0);
    return {
      ...{ type: "start", runId, tenant: TENANT, workflow: workflowName("one"), version: 1, input: json("1") },
      ...{ idempotencyKey: "", inputHash: "", traceparent: "", parent: null },
    };
  }

  /** Lets happen what takes no time but that of the shards' writes. */
  settle(): Promise<void> {
    return this.clock.advance(5);
  }
}

/** A gateway, a caller and its workers in one. */
export class BenchGateway implements Origin, TaskSink {
  readonly name: string;
  readonly bus: MemoryBusHandle;
  readonly shards: RemoteShards;
  readonly replies = new Map<number, Reply>();
  readonly ends: RunEnd[] = [];
  readonly demands: string[] = [];
  readonly withdrawn: TaskToken[] = [];
  readonly elsewhere: TaskToken[] = [];
  readonly confirmed: OwedAttempt[] = [];
  readonly suspected: ShardId[] = [];
  /** In the hands of its workers. */
  readonly held = new Map<string, HeldAttempt>();
  /** Every task it was ever given, by name. */
  readonly given: string[] = [];
  /** Credits that pulls have and were not answered for. */
  spoken = 0;
  readonly #bench: LinkBench;
  #ref = 0;

  constructor(bench: LinkBench, name: string) {
    this.#bench = bench;
    this.name = name;
    this.bus = bench.hub.connect(name);
    this.shards = new RemoteShards({
      bus: this.bus,
      clock: bench.clock,
      subjects: SUBJECTS,
      process: name,
      suspect: (shard) => this.suspected.push(shard),
    });
    this.shards.route(EVERYTHING);
    this.shards.connect(this);
  }

  /** The process dies. */
  kill(): void {
    this.bus.crash();
    this.shards.close();
  }

  /** Hands a command in and returns its number. */
  send(command: RunCommand, notifyEnd = false): number {
    const ref = ++this.#ref;
    this.shards.submit(this, [{ ref, command, notifyEnd }]);
    return ref;
  }

  async ask(command: RunCommand, notifyEnd = false): Promise<Reply | undefined> {
    const ref = this.send(command, notifyEnd);
    await this.#bench.settle();
    return this.replies.get(ref);
  }

  async start(notifyEnd = false): Promise<RunId> {
    const command = this.#bench.startOf();
    const reply = await this.ask(command, notifyEnd);
    if (reply?.type !== "done") throw new Error(`The start was answered ${JSON.stringify(reply)}.`);
    return command.runId;
  }

  async view(runId: RunId): Promise<RunView | Refusal | undefined> {
    let answer: RunView | Refusal | undefined;
    this.shards.run(TENANT, runId, (view) => {
      answer = view;
    });
    await this.#bench.settle();
    return answer;
  }

  async page(limit = 1000): Promise<ListPage | Refusal | undefined> {
    let answer: ListPage | Refusal | undefined;
    const query = { tenant: TENANT, workflow: null, status: null, startedFromMs: 0, startedUntilMs: 0 };
    this.shards.list({ ...query, before: null, limit }, (page) => {
      answer = page;
    });
    await this.#bench.settle();
    return answer;
  }

  slotOf(runId: RunId): number {
    return slotOfRun(runId);
  }

  /** Takes tasks for its workers; they hold what comes. */
  pull(credits: number): void {
    this.spoken += credits;
    this.shards.pull(["work"], credits, (tasks, released) => {
      this.spoken -= tasks.length + released;
      for (const task of tasks) this.take(task);
    });
  }

  take(task: Task): void {
    this.given.push(nameOf(task));
    this.held.set(nameOf(task), { ...tokenOf(task), isKnown: true, isPresent: true });
  }

  /** The result of a task, which no worker holds any more. */
  resultOf(token: TaskToken): RunCommand {
    this.held.delete(nameOf(token));
    const outcome = { type: "completed", output: json("1") } as const;
    const result = { ...tokenOf(token), outcome, worker: workerName("w@1"), startedMs: 1, logs: null };
    return { type: "result", tenant: TENANT, runId: token.runId, result };
  }

  replied(replies: readonly Reply[]): void {
    for (const reply of replies) {
      if (this.replies.has(reply.ref)) throw new Error(`Command ${reply.ref} is answered twice.`);
      this.replies.set(reply.ref, reply);
    }
  }

  ended(ends: readonly RunEnd[]): void {
    for (const end of ends) {
      if (this.ends.some(({ ref }) => ref === end.ref)) throw new Error(`The end of ${end.ref} is told twice.`);
      this.ends.push(end);
    }
  }

  demand(taskType: string): void {
    this.demands.push(taskType);
  }

  withdraw(tokens: readonly TaskToken[]): void {
    this.withdrawn.push(...tokens);
  }

  moved(tokens: readonly TaskToken[]): void {
    this.elsewhere.push(...tokens);
    for (const token of tokens) if (this.held.get(nameOf(token))?.isPresent === false) this.held.delete(nameOf(token));
  }

  owed(attempts: readonly OwedAttempt[]): void {
    this.confirmed.push(...attempts);
  }

  holding(): Iterable<HeldAttempt> {
    return this.held.values();
  }
}

export function tokenOf({ runId, epoch, step, item, attempt }: TaskToken): TaskToken {
  return { runId, epoch, step, item, attempt };
}
