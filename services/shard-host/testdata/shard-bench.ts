// One shard over memory ports and a virtual clock, and whoever talks to it: a client, a gateway, an observer.
import { VirtualClock } from "@millrace/clock/virtual.ts";
import { decodeEvents } from "@millrace/codec/events-v1.ts";
import { decodeRunState } from "@millrace/codec/run-state-v1.ts";
import { mintRunId } from "@millrace/core/run-id.ts";
import { parseDefinition } from "@millrace/definition/parse.ts";
import { MemoryLog } from "@millrace/journal/memory/log.ts";
import { openMemoryJournal } from "@millrace/journal/memory/open.ts";
import { decodeRecord } from "@millrace/journal/record.ts";
import type { Envelope, ListPage, ListQuery, Origin, Reply, RunEnd, RunView } from "@millrace/link/link.ts";
import type { TaskHolder } from "@millrace/link/local-shard.ts";
import type { RegisteredDefinition } from "@millrace/link/registry.ts";
import type { Definition } from "@millrace/model/definition.ts";
import { position, type RunId, shardId, slot, type TenantId, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import { type Json, json } from "@millrace/model/payload.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { RunCommand, StartRun } from "@millrace/model/run-commands.ts";
import type { JournalEvent } from "@millrace/model/run-events.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import type { Task, TaskOutcome, TaskToken } from "@millrace/model/task.ts";
import { MemoryDisk, openMemoryStore } from "@millrace/store/memory/memory-store.ts";
import type { SliceOutcome } from "@millrace/store/store.ts";
import { Shard } from "../shard.ts";
import type { OwnershipTerms } from "../shard-options.ts";
import { FickleBlobs } from "./fickle-blobs.ts";

export const TENANT = tenantId("t");

/** More steps of the clock than anything here takes without time passing: whoever needs more spins. */
const STEPS_MAX = 100_000;

export class ShardBench implements Origin, TaskHolder {
  readonly clock = new VirtualClock(1);
  readonly log = new MemoryLog();
  /** The next shard's. */
  disk = new MemoryDisk();
  readonly blobs = new FickleBlobs();
  readonly replies = new Map<number, Reply>();
  readonly ends: RunEnd[] = [];
  readonly demands: string[] = [];
  readonly withdrawn: TaskToken[] = [];
  readonly failures: string[] = [];
  readonly unreadable: string[] = [];
  /** Commands of every record, in order. */
  readonly records: number[] = [];
  /** What becomes of the next slices of checkpoints. */
  readonly slices: SliceOutcome[] = [];
  slicesWritten = 0;
  /** Whether the shard's lease lasts. */
  leased = true;
  /** What binds the next shard to its seat. */
  terms: OwnershipTerms | null = null;
  checkpoints = 0;
  shard: Shard;
  readonly #definitions = new Map<string, RegisteredDefinition>();
  #ref = 0;
  #minted = 0;
  /** Counts processes: what an earlier one has not written yet it never will. */
  #life = 0;

  private constructor(sources: readonly string[]) {
    for (const source of sources) this.register(source);
    this.shard = this.make();
  }

  /** A shard that serves. */
  static async open(...sources: string[]): Promise<ShardBench> {
    const bench = new ShardBench(sources);
    await bench.serve();
    return bench;
  }

  register(source: string): void {
    const parsed = parseDefinition(source);
    if (parsed.type === "problems") throw new Error(JSON.stringify(parsed.problems));
    this.enter(parsed.definition, source);
  }

  /** Registers what was parsed elsewhere, perhaps by a build with other bounds. */
  enter(definition: Definition, source = ""): void {
    const registered = { tenant: TENANT, name: definition.name, version: 1, definition, source, registeredMs: 1 };
    this.#definitions.set(definition.name, registered);
  }

  /** A shard on this disk that was not opened yet. */
  make(): Shard {
    const life = this.#life;
    return new Shard({
      id: shardId(0),
      node: "n1",
      openJournal: () => openMemoryJournal(this.log, this.clock),
      store: openMemoryStore({
        disk: this.disk,
        soon: (callback) => {
          this.clock.soon(() => {
            if (this.#life === life) callback();
          });
        },
        outcome: () => {
          const outcome = this.slices.shift() ?? { type: "written" };
          if (outcome.type === "written") this.slicesWritten++;
          return outcome;
        },
      }),
      blobs: this.blobs,
      clock: this.clock,
      submit: (origin, batch) => this.deliver(origin, batch),
      findDefinition: (_, name, version) => (version <= 1 ? this.#definitions.get(name) : undefined),
      leased: () => this.leased,
      terms: this.terms,
      observer: {
        recovering: () => {},
        recovered: () => {},
        appended: ({ commands }) => this.records.push(commands),
        checkpointed: () => this.checkpoints++,
        unreadable: (reason) => this.unreadable.push(reason),
        failed: (reason) => this.failures.push(reason),
      },
    });
  }

  /** Messages of its runs come back to it: it owns all slots. */
  deliver(origin: Origin, batch: readonly Envelope[]): void {
    for (const envelope of batch) this.shard.submit(origin, envelope);
    this.shard.wake();
  }

  /** Opens the shard and waits until it serves; workers of before are back at once, or when the test says so. */
  async serve(workersAreBack = true): Promise<void> {
    this.shard.tasks.connect(this);
    const opened = this.shard.open();
    await this.settle();
    await opened;
    if (workersAreBack) this.workersAreBack();
    await this.settle();
  }

  /** Whoever had attempts before had the time to say so, in this term and those that follow. */
  workersAreBack(): void {
    const { tasks } = this.shard;
    tasks.workersAreBack();
    this.shard.onTerm(() => tasks.workersAreBack());
  }

  /** The process dies; another one starts on what it left: the journal as far as acked, so many unflushed slices. */
  async crash(slicesKept = 0, workersAreBack = true): Promise<void> {
    this.die();
    this.disk.crash(slicesKept);
    this.shard = this.make();
    await this.serve(workersAreBack);
  }

  /** The process dies, and nothing more comes from it. */
  die(): void {
    this.#life++;
    this.log.crash();
  }

  /** Writes a checkpoint and waits for its end, whatever it is. */
  async checkpoint(): Promise<void> {
    const over = this.shard.checkpoint();
    await this.settle();
    await over;
  }

  /** Lets happen all that needs no time to pass. */
  async settle(): Promise<void> {
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      await this.clock.advance(0);
      if ((this.clock.nextInMs() ?? 1) > 0) return;
    }
    throw new Error("The shard spins.");
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.settle();
  }

  /** Hands a command in; its reply comes later under the number returned. */
  send(command: RunCommand, notifyEnd = false): number {
    const ref = ++this.#ref;
    this.shard.submit(this, { ref, command, notifyEnd });
    this.shard.wake();
    return ref;
  }

  /** Hands a command in and waits for its reply. */
  async ask(command: RunCommand, notifyEnd = false): Promise<Reply> {
    const ref = this.send(command, notifyEnd);
    await this.settle();
    const reply = this.replies.get(ref);
    if (reply === undefined) throw new Error(`Command ${command.type} was not answered.`);
    return reply;
  }

  startOf(workflow: string, fields: Partial<StartRun> = {}, at = slot(1)): StartRun {
    const runId = mintRunId(this.clock.nowMs(), at, ++this.#minted, 0);
    return {
      ...{ type: "start", runId, tenant: TENANT, workflow: workflowName(workflow), version: 1, input: json("{}") },
      ...{ idempotencyKey: "", inputHash: "", traceparent: "", parent: null },
      ...fields,
    };
  }

  async start(workflow: string, input = "{}", tenant: TenantId = TENANT): Promise<RunId> {
    const command = this.startOf(workflow, { input: json(input), tenant });
    await this.ask(command, true);
    return command.runId;
  }

  pull(credits = 10_000, ...types: string[]): Task[] {
    return this.shard.tasks.pull(this, types.length === 0 ? ["work"] : types, credits);
  }

  resultOf(task: TaskToken, outcome: TaskOutcome): RunCommand {
    const { runId, epoch, step, item, attempt } = task;
    const token = { runId, epoch, step, item, attempt };
    const worker = workerName("w@1");
    return { type: "result", tenant: TENANT, runId, result: { ...token, outcome, worker, startedMs: 1, logs: null } };
  }

  async complete(task: TaskToken, output = "1"): Promise<Reply> {
    return this.ask(this.resultOf(task, { type: "completed", output: json(output) }));
  }

  /** The run as a reader sees it; undefined = unknown. */
  async run(runId: RunId): Promise<RunState | undefined> {
    let view: RunView | Refusal | undefined;
    this.shard.run(TENANT, runId, (seen) => {
      view = seen;
    });
    await this.settle();
    if (view === undefined) throw new Error("The read was not answered.");
    return "code" in view ? undefined : decodeRunState(view.bytes);
  }

  async status(runId: RunId): Promise<string> {
    return (await this.run(runId))?.status ?? "unknown";
  }

  async list(fields: Partial<ListQuery> = {}): Promise<ListPage> {
    let page: ListPage | Refusal | undefined;
    this.shard.list({ ...ALL, ...fields }, (seen) => {
      page = seen;
    });
    await this.settle();
    if (page === undefined || "code" in page) throw new Error(`The list was not answered: ${JSON.stringify(page)}.`);
    return page;
  }

  /** Everything the journal holds. */
  journaled(): JournalEvent[] {
    const events: JournalEvent[] = [];
    let previous = this.log.base;
    while (previous.position < this.log.tail.position) {
      const frame = this.log.frame(position(previous.position + 1));
      const read = decodeRecord(frame ?? Buffer.alloc(0), 0, previous);
      if (read.type !== "record") throw new Error(`Record ${previous.position + 1} cannot be read.`);
      decodeEvents(read.record.body, read.record.timeMs, (event) => events.push(event));
      previous = read.record;
    }
    return events;
  }

  replied(replies: readonly Reply[]): void {
    for (const reply of replies) {
      if (this.replies.has(reply.ref)) throw new Error(`Command ${reply.ref} is answered twice.`);
      this.replies.set(reply.ref, reply);
    }
  }

  ended(ends: readonly RunEnd[]): void {
    this.ends.push(...ends);
  }

  demand(taskType: string): void {
    this.demands.push(taskType);
  }

  withdraw(tokens: readonly TaskToken[]): void {
    this.withdrawn.push(...tokens);
  }

  moved(): void {}
}

const ALL: ListQuery = {
  ...{ tenant: TENANT, workflow: null, status: null, startedFromMs: 0, startedUntilMs: 0, before: null, limit: 1000 },
};

export const tenantOf = tenantId;

export function text(value: unknown): Json {
  return json(JSON.stringify(value));
}

export const ONE_STEP = "name: one\nsteps:\n  a: { uses: work }\n";
export const TWO_STEPS = "name: two\nsteps:\n  a: { uses: work }\n  b: { needs: [a], uses: work }\n";
