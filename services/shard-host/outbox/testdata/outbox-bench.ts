// Several shards over memory ports on one virtual clock, with a link between them that does what a test wants, and
// processes that die at any record.
import { openMemoryBlobs } from "@millrace/blobs/memory/memory-blobs.ts";
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import { VirtualClock } from "@millrace/clock/virtual.ts";
import { decodeEvents } from "@millrace/codec/events-v1.ts";
import { decodeRunState } from "@millrace/codec/run-state-v1.ts";
import { mintRunId, slotOfRun } from "@millrace/core/run-id.ts";
import { parseDefinition } from "@millrace/definition/parse.ts";
import { MemoryLog } from "@millrace/journal/memory/log.ts";
import { openMemoryJournal } from "@millrace/journal/memory/open.ts";
import type { JournalTail } from "@millrace/journal/journal.ts";
import { decodeRecord, EMPTY_TAIL } from "@millrace/journal/record.ts";
import type { Envelope, Origin, Reply, RunView } from "@millrace/link/link.ts";
import type { TaskHolder } from "@millrace/link/local-shard.ts";
import type { RegisteredDefinition } from "@millrace/link/registry.ts";
import { position, type RunId, SLOT_COUNT, shardId, slot, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import { type BlobRef, json } from "@millrace/model/payload.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { ReceiveMessage, RunCommand } from "@millrace/model/run-commands.ts";
import type { JournalEvent } from "@millrace/model/run-events.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import type { Task, TaskOutcome } from "@millrace/model/task.ts";
import { MemoryDisk, openMemoryStore } from "@millrace/store/memory/memory-store.ts";
import type { Replay } from "../../replay.ts";
import { Shard } from "../../shard.ts";

const TENANT = tenantId("t");
const STEPS_MAX = 200_000;

/** What becomes of a message, or of its answer. */
export type Passage = "pass" | "lose" | "twice";

interface Host {
  /** The events of every record that became durable. */
  readonly records: JournalEvent[][];
  tail: JournalTail;
  readonly log: MemoryLog;
  disk: MemoryDisk;
  shard: Shard;
  gate: Gate;
}

export class OutboxBench implements Origin {
  readonly clock = new VirtualClock(1);
  readonly blobs = openMemoryBlobs({ nowMs: () => this.clock.nowMs() });
  readonly hosts: Host[] = [];
  readonly replies = new Map<number, Reply>();
  /** What becomes of a message on its way to its shard, and of the answer on its way back. */
  onMessage: (message: ReceiveMessage) => Passage = () => "pass";
  onAnswer: (message: ReceiveMessage) => Passage = () => "pass";
  /** Hears of every record that became durable, before anything of it leaves. */
  onRecord: (shard: number) => void = () => {};
  /** Messages that arrived. */
  readonly arrived: ReceiveMessage[] = [];
  /** A run that was never started. */
  readonly never = mintRunId(0, slot(0), 0, 0);
  readonly #definitions = new Map<string, RegisteredDefinition>();
  #ref = 0;
  #minted = 0;

  static async open(shards: number, ...sources: string[]): Promise<OutboxBench> {
    const bench = new OutboxBench();
    for (const source of sources) bench.register(source);
    for (let index = 0; index < shards; index++) {
      const parts = { log: new MemoryLog(), disk: new MemoryDisk() };
      const gate = new Gate(bench.clock);
      bench.hosts.push({ records: [], tail: EMPTY_TAIL, ...parts, gate, shard: bench.#make(index, parts, gate) });
    }
    for (const host of bench.hosts) {
      await bench.until(host.shard.open());
      bench.#follow(host);
    }
    return bench;
  }

  register(source: string): void {
    const parsed = parseDefinition(source);
    if (parsed.type === "problems") throw new Error(JSON.stringify(parsed.problems));
    const { definition } = parsed;
    const registered = { tenant: TENANT, name: definition.name, version: 1, definition, source, registeredMs: 1 };
    this.#definitions.set(definition.name, registered);
  }

  shardOf(runId: RunId): number {
    return Math.floor((slotOfRun(runId) * this.hosts.length) / SLOT_COUNT);
  }

  /** Starts a run in shard 0, or in the shard of a slot; returns once it is answered. */
  async start(workflow: string, input: string | BlobRef = "{}", at = 0): Promise<RunId> {
    const id = mintRunId(this.clock.nowMs(), slot(at), ++this.#minted, 0);
    const payload = typeof input === "string" ? json(input) : input;
    const reply = await this.ask({
      ...{ type: "start", runId: id, tenant: TENANT, workflow: workflowName(workflow), version: 1, input: payload },
      ...{ idempotencyKey: "", inputHash: "", traceparent: "", parent: null },
    });
    if (reply.type !== "done") throw new Error(`The start was refused: ${reply.refusal.message}`);
    return id;
  }

  async ask(command: RunCommand): Promise<Reply> {
    const ref = this.send(command);
    for (let waited = 0; !this.replies.has(ref); waited++) {
      await this.settle();
      if (waited > 100) throw new Error(`Command ${command.type} is not answered.`);
      if (!this.replies.has(ref)) await this.pass(100);
    }
    const reply = this.replies.get(ref);
    if (reply === undefined) throw new Error("There is no reply.");
    return reply;
  }

  send(command: RunCommand): number {
    const ref = ++this.#ref;
    this.#submit(this, [{ ref, command, notifyEnd: false }]);
    return ref;
  }

  /** Hands envelopes in and waits for all answers. */
  async deliver(batch: readonly Envelope[]): Promise<Reply[]> {
    const replies: Reply[] = [];
    const origin: Origin = { replied: (some) => void replies.push(...some), ended: () => {} };
    this.#submit(origin, batch);
    await this.settle();
    return replies;
  }

  /** Takes waiting tasks of a type from all shards. */
  pull(taskType = "work"): Task[] {
    return this.hosts.flatMap(({ shard }) => shard.tasks.pull(WORKERS, [taskType], 10_000));
  }

  async complete(task: Task, output = "1"): Promise<void> {
    await this.finish(task, { type: "completed", output: json(output) });
  }

  async finish(task: Task, outcome: TaskOutcome): Promise<void> {
    const { runId, epoch, step, item, attempt } = task;
    const token = { runId, epoch, step, item, attempt };
    const result = { ...token, outcome, worker: workerName("w@1"), startedMs: 1, logs: null };
    await this.ask({ type: "result", tenant: TENANT, runId, result });
  }

  async cancel(runId: RunId): Promise<void> {
    await this.ask({ type: "cancel", tenant: TENANT, runId, reason: "enough" });
  }

  async terminate(runId: RunId): Promise<void> {
    await this.ask({ type: "terminate", tenant: TENANT, runId, reason: "enough" });
  }

  /** The run as a reader sees it; undefined = unknown. */
  async run(runId: RunId): Promise<RunState | undefined> {
    let view: RunView | Refusal | undefined;
    this.hosts[this.shardOf(runId)]?.shard.run(TENANT, runId, (seen) => {
      view = seen;
    });
    await this.settle();
    if (view === undefined) throw new Error("The read was not answered.");
    return "code" in view ? undefined : decodeRunState(view.bytes);
  }

  /** The runs that have a parent, oldest first. */
  async children(): Promise<RunState[]> {
    const ids = this.events().flatMap((event) => (event.type === "run-started" && event.parent !== null ? [event.runId] : []));
    const found: RunState[] = [];
    for (const id of ids.toSorted()) {
      const state = await this.run(id);
      if (state !== undefined) found.push(state);
    }
    return found;
  }

  async status(runId: RunId): Promise<string> {
    return (await this.run(runId))?.status ?? "unknown";
  }

  /** Lets happen all that needs no time to pass. */
  async settle(): Promise<void> {
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      await this.clock.advance(0);
      if ((this.clock.nextInMs() ?? 1) > 0) return;
    }
    throw new Error("The shards spin.");
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.settle();
  }

  async checkpoint(shard: number): Promise<void> {
    await this.until(this.hosts[shard]?.shard.checkpoint() ?? Promise.resolve());
  }

  /** The process of a shard dies at once; nothing of it runs on. {@link boot} starts the next one. */
  kill(shard: number): void {
    const host = this.#host(shard);
    host.gate.isOpen = false;
    host.log.crash();
    host.disk.crash(0);
  }

  /** Begins with what is on the disk, or goes on with what a standby has `folded`. */
  async boot(shard: number, folded: Replay | null = null): Promise<void> {
    const host = this.#host(shard);
    host.gate = new Gate(this.clock);
    host.shard = this.#make(shard, host, host.gate);
    await this.until(host.shard.open(folded));
    host.shard.tasks.workersAreBack();
    this.#follow(host);
    await this.settle();
  }

  async crash(shard: number): Promise<void> {
    this.kill(shard);
    await this.boot(shard);
  }

  /** Everything that became durable, shard by shard. */
  events(): JournalEvent[] {
    return this.hosts.flatMap((_, shard) => this.records(shard).flat());
  }

  /** The events of each record of a shard. */
  records(shard: number): readonly (readonly JournalEvent[])[] {
    const host = this.#host(shard);
    this.#follow(host);
    return host.records;
  }

  /** Messages that wait for their receivers, in all shards. */
  get waiting(): number {
    return this.hosts.reduce((sum, { shard }) => sum + shard.load.messages, 0);
  }

  replied(replies: readonly Reply[]): void {
    for (const reply of replies) this.replies.set(reply.ref, reply);
  }

  ended(): void {
    // Nobody asks for ends here.
  }

  /** Reads what became durable before a checkpoint cuts it off. */
  #follow(host: Host): void {
    const { log, records } = host;
    while (host.tail.position < log.tail.position) {
      const frame = log.frame(position(host.tail.position + 1));
      const read = decodeRecord(frame ?? Buffer.alloc(0), 0, host.tail);
      if (read.type !== "record") throw new Error(`Record ${host.tail.position + 1} cannot be read.`);
      const events: JournalEvent[] = [];
      decodeEvents(read.record.body, read.record.timeMs, (event) => events.push(event));
      records.push(events);
      host.tail = read.record;
    }
  }

  #host(shard: number): Host {
    const host = this.hosts[shard];
    if (host === undefined) throw new Error(`There is no shard ${shard}.`);
    return host;
  }

  #make(index: number, { log, disk }: Pick<Host, "log" | "disk">, gate: Gate): Shard {
    const shard = new Shard({
      id: shardId(index),
      node: "n1",
      openJournal: () => openMemoryJournal(log, gate),
      store: openMemoryStore({ disk, soon: (callback) => gate.soon(callback) }),
      blobs: this.blobs,
      clock: gate,
      submit: (origin, batch) => {
        if (gate.isOpen) this.#carry(gate, origin, batch);
      },
      findDefinition: (_, name, version) => (version <= 1 ? this.#definitions.get(name) : undefined),
      leased: () => true,
      terms: null,
      observer: {
        recovering: () => {},
        recovered: () => {},
        appended: () => {
          this.#follow(this.#host(index));
          this.onRecord(index);
        },
        checkpointed: () => {},
        unreadable: () => {},
        failed: () => {},
      },
    });
    shard.tasks.connect(WORKERS);
    return shard;
  }

  /** Messages from a shard to others, as the link lets them through. */
  #carry(gate: Gate, origin: Origin, batch: readonly Envelope[]): void {
    for (const envelope of batch) {
      const { command } = envelope;
      if (command.type !== "message") throw new Error("Shards send nothing but messages.");
      const back: Origin = {
        replied: (replies) => {
          const passage = this.onAnswer(command);
          if (passage === "lose" || !gate.isOpen) return;
          origin.replied(replies);
          if (passage === "twice") origin.replied(replies);
        },
        ended: () => {},
      };
      const passage = this.onMessage(command);
      if (passage === "lose") continue;
      for (let time = passage === "twice" ? 2 : 1; time > 0; time--) {
        this.arrived.push(command);
        this.#submit(back, [envelope]);
      }
    }
  }

  #submit(origin: Origin, batch: readonly Envelope[]): void {
    for (const envelope of batch) {
      const { shard, gate } = this.#host(this.shardOf(envelope.command.runId));
      // Nobody is there: a link says so after a while.
      if (!gate.isOpen) {
        this.clock.after(50, () => origin.replied([{ type: "refused", ref: envelope.ref, refusal: NOBODY }]));
        continue;
      }
      shard.submit(origin, envelope);
      shard.wake();
    }
  }

  /** Lets time pass until something is done. */
  async until(done: Promise<unknown>): Promise<void> {
    let over = false;
    const noted = done.then(() => {
      over = true;
    });
    for (let steps = 0; !over; steps++) {
      if (steps > STEPS_MAX) throw new Error("It does not come to an end.");
      await this.settle();
      if (!over && !this.clock.step()) await new Promise((resolve) => setImmediate(resolve));
    }
    await noted;
  }
}

/** Whoever has the tasks. */
const WORKERS: TaskHolder = { demand() {}, withdraw() {}, moved() {} };

const NOBODY: Refusal = { code: "SHARD_UNAVAILABLE", field: "", message: "Nobody listens.", fix: "", retryDelayMs: 100 };

/** A process's clock: nothing of the process runs once it is shut. */
class Gate implements Clock {
  isOpen = true;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    return this.#clock.after(delayMs, () => {
      if (this.isOpen) callback();
    });
  }

  soon(callback: () => void): void {
    this.#clock.soon(() => {
      if (this.isOpen) callback();
    });
  }

  random32(): number {
    return this.#clock.random32();
  }
}
