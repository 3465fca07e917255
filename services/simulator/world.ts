// A whole world from one seed: processes over disks that outlive them, clients, workers, time, trouble and a jury.
//
// 1. One step of the virtual clock at a time; after each one the jury takes note of what became durable.
// 2. A crash happens between two steps: whatever the dying process still had to do is never done.
// 3. Trouble first; then calm, in which everything that can end must end; then everything is read back.
import type { Blobs } from "@millrace/blobs/blobs.ts";
import { openMemoryBlobs } from "@millrace/blobs/memory/memory-blobs.ts";
import { Prng } from "@millrace/clock/prng.ts";
import { drain, VirtualClock } from "@millrace/clock/virtual.ts";
import { nextDueMs } from "@millrace/core/run/due.ts";
import { slotOfRun } from "@millrace/core/run-id.ts";
import { WORKERS_BACK_MS } from "@millrace/gateway/tasks/worker-link.ts";
import { MemoryLog } from "@millrace/journal/memory/log.ts";
import type { Definition } from "@millrace/model/definition.ts";
import { type Position, type RunId, SLOT_COUNT, tenantId } from "@millrace/model/ids.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import { MemoryDisk } from "@millrace/store/memory/memory-store.ts";
import { burst, burstSize, MOMENTARY, NOISY, QUIET } from "./actors/burst.ts";
import { Client, TAKE_MS_MAX, workflowNames } from "./actors/client.ts";
import { tidyUp } from "./actors/janitor.ts";
import type { Scene } from "./actors/scene.ts";
import { Worker } from "./actors/worker.ts";
import { Jury } from "./checkers/jury.ts";
import { type Observation, Violation } from "./checkers/observation.ts";
import { readBack } from "./checkers/read-back.ts";
import { between, pickAny } from "./choice.ts";
import { Coverage } from "./coverage.ts";
import { Chaos, type Victim } from "./faults/chaos.ts";
import { ground } from "./ground.ts";
import { momentaryDefinition, randomDefinition, TASK_TYPES } from "./random-workflow.ts";
import { type Disk, Server } from "./server.ts";
import { Trace } from "./trace.ts";

/** What a seed must contain before it calms down. */
const RUNS_MIN = 50;
const FAULTS_MIN = 20;
/** Virtual time of the two phases, at most. */
const TROUBLE_MS_MAX = 900_000;
const CALM_MS_MAX = 3_600_000;
const ROUND_MS = 1_000;
/** How late a timer may be acted upon once there is calm. */
const TIMER_LATE_MS_MAX = 15_000;
const STEPS_MAX = 3_000_000;
const FLOWS: readonly string[] = workflowNames(3);
const TENANTS = [tenantId("acme"), tenantId("globex")] as const;

interface Crash {
  readonly name: string;
  readonly bytesKept: number;
}

export class World implements Scene, Victim {
  readonly clock: VirtualClock;
  readonly blobs: Blobs;
  readonly coverage = new Coverage();
  readonly disks: readonly Disk[];
  readonly registry = new MemoryLog();
  readonly jury: Jury;
  readonly chaos: Chaos;
  readonly log: Trace;
  readonly #prng: Prng;
  readonly #clients: readonly Client[];
  readonly #workers: readonly Worker[];
  #server: Server | null = null;
  #crash: Crash | null = null;
  #phase: "trouble" | "calm" | "over" = "trouble";
  #restSinceMs: number | null = null;
  #calmSinceMs = 0;
  #upSinceMs = Number.POSITIVE_INFINITY;
  #round = 0;
  #refs = 0;
  #boots = 0;
  #isStopping = false;
  #isRegistered = false;

  constructor(seed: number) {
    this.#prng = new Prng(seed);
    this.clock = new VirtualClock(this.#prng.next32());
    this.log = new Trace(() => this.clock.monotonicMs());
    this.blobs = openMemoryBlobs({ nowMs: () => this.clock.nowMs() });
    const shards = between(this.#prng, 1, 4);
    this.disks = Array.from({ length: shards }, () => ({ log: new MemoryLog(), store: new MemoryDisk() }));
    const logs = this.disks.map((disk) => disk.log);
    this.jury = new Jury(
      logs,
      (call) => this.shardOf(call.command.runId),
      (seen) => this.#note(seen),
    );
    this.chaos = new Chaos(this, this.#prng.fork());
    this.#clients = TENANTS.map((tenant) => new Client(this, this.#prng.fork(), tenant, FLOWS));
    const types = [TASK_TYPES, TASK_TYPES.slice(0, 2), TASK_TYPES.slice(1)];
    this.#workers = types.map((taskTypes, index) => new Worker(this, this.#prng.fork(), `w${index}`, taskTypes));
  }

  /** Lives through it all; resolves to what went wrong, or null. */
  async run(): Promise<Violation | null> {
    this.#boot();
    this.chaos.begin();
    this.#rounds();
    for (let step = 0; this.#phase !== "over" && this.jury.verdict === null; step++) {
      if (step > STEPS_MAX) this.#stuck("the world does not come to an end");
      try {
        this.clock.step();
      } catch (error: unknown) {
        this.#stuck(`the process threw ${error instanceof Error ? (error.stack ?? "") : String(error)}`);
      }
      await drain();
      this.jury.follow();
      if (step % 64 === 0) this.#weigh();
      if (this.#crash !== null) await this.#die(this.#crash);
    }
    return this.jury.verdict;
  }

  /** Durable runs of the clients; bursts and children do not count. */
  get runs(): number {
    let count = 0;
    for (const { state } of this.jury.truth.runs.values())
      if (state.tenant !== NOISY && state.tenant !== QUIET && state.parent === null) count++;
    return count;
  }

  shardOf(runId: RunId): number {
    return Math.floor((slotOfRun(runId) * this.disks.length) / SLOT_COUNT);
  }

  // What lines ask.

  nextRef(): number {
    return ++this.#refs;
  }

  sentAt(command: RunCommand): Position {
    this.jury.follow();
    return this.jury.truth.tail(this.shardOf(command.runId));
  }

  see(seen: Observation): void {
    this.jury.see(seen);
  }

  blame(problem: string): void {
    this.jury.blame(new Violation("I4", problem));
  }

  // What chaos does.

  trace(line: string): void {
    this.log.add(line);
  }

  crash(name: string, bytesKept: number): void {
    if (this.#server !== null && this.#phase !== "over") this.#crash ??= { name, bytesKept };
  }

  /** The new process serves, while clients and workers do not know yet; they come over when both are gone. */
  usurp(): void {
    const old = this.#server;
    if (old === null || this.#isStopping || this.#crash !== null) return;
    this.coverage.count("fault: usurped");
    this.trace(`process ${old.serial} is usurped`);
    this.see({ type: "disturbed" });
    old.isUsurped = true;
    this.#server = null;
    const usurper: { server: Server | null } = { server: null };
    this.clock.after(between(this.#prng, 100, 3_000), () => {
      old.die();
      usurper.server?.die();
      this.#disconnect();
      this.#boot();
    });
    const takeOver = async (): Promise<void> => {
      usurper.server = await Server.make(ground(this), ++this.#boots);
      this.trace(`process ${usurper.server.serial} takes over from ${old.serial}`);
      await usurper.server.node.open();
    };
    takeOver().catch((error: unknown) => this.#bootFailed(error));
  }

  stop(): void {
    const server = this.#server;
    if (server === null || this.#isStopping) return;
    this.#isStopping = true;
    this.coverage.count("fault: graceful stop");
    this.trace(`process ${server.serial} stops`);
    this.see({ type: "disturbed" });
    server.hub.stop();
    server.node.stop().then(
      () => this.#stopped(server),
      (error: unknown) => this.#stuck(`a stop failed: ${String(error)}`),
    );
  }

  hurtWorker(): void {
    pickAny(this.#prng, this.#workers)?.suffer();
  }

  burst(): void {
    if (this.#server === null || this.#isStopping) return;
    const call = burst(this, this.#prng, this.#server, burstSize(this.#prng));
    if (call !== undefined) this.jury.sentBesideBurst(call);
    this.#weigh();
  }

  register(): void {
    const tenant = pickAny(this.#prng, TENANTS);
    const name = pickAny(this.#prng, FLOWS);
    if (this.#server === null || tenant === undefined || name === undefined) return;
    this.coverage.count("command: register");
    void this.#server.registry.register(tenant, this.#flow(name), "");
  }

  lostBlob(runId: RunId): void {
    this.trace(`a blob of run ${runId} is lost`);
    this.see({ type: "blob-lost", runId });
  }

  // Processes.

  #boot(): void {
    this.#boots++;
    this.#bootAs(this.#boots).catch((error: unknown) => this.#bootFailed(error));
  }

  async #bootAs(serial: number): Promise<void> {
    const server = await Server.make(ground(this), serial);
    if (!this.#isRegistered) await this.#register(server);
    this.#isRegistered = true;
    this.#server = server;
    this.trace(`process ${serial} begins`);
    await server.node.open();
    if (server.isDead || this.#server !== server) return;
    this.#upSinceMs = this.clock.monotonicMs();
    this.trace(`process ${serial} serves`);
    for (const client of this.#clients) client.connect(server);
    for (const worker of this.#workers) worker.connect(server);
    server.clock.after(WORKERS_BACK_MS, () => server.node.workersAreBack());
  }

  /** As a supervisor would: tries again. */
  #bootFailed(error: unknown): void {
    this.trace(`a process could not begin: ${String(error)}`);
    if (this.#phase === "calm") this.#stuck(`a process cannot begin: ${String(error)}`);
    this.crash("crash in recovery", 0);
  }

  async #register(server: Server): Promise<void> {
    for (const tenant of TENANTS)
      for (const name of FLOWS) await server.registry.register(tenant, this.#flow(name), "");
    for (const tenant of [NOISY, QUIET]) await server.registry.register(tenant, momentaryDefinition(MOMENTARY), "");
  }

  /** Flows start those behind them. */
  #flow(name: string): Definition {
    return randomDefinition(this.#prng, name, FLOWS.slice(FLOWS.indexOf(name) + 1));
  }

  async #die({ name, bytesKept }: Crash): Promise<void> {
    this.#crash = null;
    this.coverage.count(`fault: ${name}`);
    this.trace(`${name}: process ${this.#server?.serial ?? 0} dies, keeping ${bytesKept} bytes`);
    this.#server?.die();
    this.#server = null;
    this.#isStopping = false;
    this.#upSinceMs = Number.POSITIVE_INFINITY;
    for (const { log, store } of this.disks) {
      log.crash(bytesKept);
      const kept = between(this.#prng, 0, store.unflushed);
      if (kept < store.unflushed) this.coverage.count("fault: slices lost");
      store.crash(kept);
    }
    this.see({ type: "disturbed" });
    this.#disconnect();
    await this.#readBack();
    this.clock.after(this.#prng.below(1_500), () => this.#boot());
  }

  #stopped(server: Server): void {
    if (server.isDead || !this.#isStopping) return;
    const unanswered = this.#clients.flatMap((client) => client.line?.unanswered ?? []);
    for (const { ref, command } of unanswered)
      this.#stuck(`a process stopped and left call ${ref} (${command.type}) without an answer`);
    this.crash("crash at rest", 0);
  }

  #disconnect(): void {
    for (const client of this.#clients) client.disconnect();
    for (const worker of this.#workers) worker.disconnect();
  }

  // What the jury looks at from time to time.

  async #readBack(): Promise<void> {
    for (const [shard, disk] of this.disks.entries()) {
      try {
        this.see({ type: "recovered", shard, found: await readBack(disk, this.blobs, this.clock) });
      } catch (error: unknown) {
        this.jury.blame(
          new Violation(
            "I6",
            `shard ${shard} cannot be read back: ${error instanceof Error ? (error.stack ?? "") : String(error)}`,
          ),
        );
      }
    }
  }

  #weigh(): void {
    if (this.#server === null) return;
    for (const [shard, host] of this.#server.node.shards.entries()) {
      this.see({ type: "load", shard, load: host.load });
      if (host.state.type === "broken") this.#stuck(`shard ${shard} is broken: ${host.state.reason}`);
    }
  }

  #note(seen: Observation): void {
    if (seen.type === "event") this.coverage.event(seen.event);
    if (seen.type === "record")
      this.trace(`shard ${seen.shard} record ${seen.record.position} of term ${seen.record.term}`);
    if (seen.type === "event" && ("runId" in seen.event || "message" in seen.event || "lane" in seen.event))
      this.log.add(seen.event);
    if (seen.type === "end") this.coverage.count("answer: end told");
    if (seen.type !== "reply") return;
    const { reply, call } = seen;
    const answer = reply.type === "refused" ? reply.refusal.code : reply.repeated ? "repeated" : "done";
    this.coverage.count(`answer: ${answer}`);
    this.trace(`call ${call.ref} ${call.command.type} ${call.command.runId}: ${answer}`);
  }

  #stuck(problem: string): void {
    this.jury.blame(new Violation("progress", problem));
  }

  // Phases.

  #rounds(): void {
    this.clock.after(ROUND_MS, () => {
      this.#round++;
      if (this.#phase === "trouble") this.#trouble();
      else if (this.#phase === "calm") this.#calm();
      if (this.#phase !== "over") this.#rounds();
    });
  }

  #trouble(): void {
    if (this.clock.monotonicMs() > TROUBLE_MS_MAX) this.#stuck(`only ${this.runs} runs began in ${TROUBLE_MS_MAX} ms`);
    if (this.runs < RUNS_MIN || this.coverage.total("fault") < FAULTS_MIN) return;
    this.trace("calm begins");
    this.#phase = "calm";
    this.#calmSinceMs = this.clock.monotonicMs();
    this.chaos.end();
    for (const client of this.#clients) client.finish();
    for (const worker of this.#workers) worker.calm();
  }

  #calm(): void {
    const live = [...this.jury.truth.runs].filter(([, { state }]) => state.endedMs === 0);
    const server = this.#server;
    if (server === null || this.#isStopping) return;
    const messages = this.jury.truth.ways.unapplied;
    if (live.length === 0 && messages === 0) return this.#rest(server);
    tidyUp(this, server, this.jury.truth, this.#round);
    const nowMs = this.clock.nowMs();
    const calmMs = this.clock.monotonicMs() - Math.max(this.#upSinceMs, this.#calmSinceMs);
    const isSettled = calmMs > 2 * TIMER_LATE_MS_MAX && !server.isFull;
    for (const [runId, { state, plan }] of live) {
      const dueMs = nextDueMs(state, plan);
      if (isSettled && dueMs > 0 && nowMs - dueMs > TIMER_LATE_MS_MAX)
        this.#stuck(`run ${runId} (${state.status}) was due ${nowMs - dueMs} ms ago`);
    }
    if (this.clock.monotonicMs() - this.#calmSinceMs < CALM_MS_MAX) return;
    const stuck = live.map(([runId, { state }]) => `${runId} ${state.status} ${JSON.stringify(state.steps)}`);
    this.#stuck(`${stuck.length} runs do not end, ${messages} messages do not arrive: ${stuck[0] ?? ""}`);
  }

  /** Everything has ended: watchers are told that, however slow they are. */
  #rest(server: Server): void {
    const nowMs = this.clock.monotonicMs();
    this.#restSinceMs ??= nowMs;
    if (nowMs - this.#restSinceMs < 2 * TAKE_MS_MAX) return;
    for (const client of this.#clients)
      for (const { runId, last } of client.watched) {
        const run = this.jury.truth.runs.get(runId);
        if (last === null || run?.versions.get(run.position)?.bytes.equals(last.bytes) !== true)
          this.#stuck(`a watcher of run ${runId} was never told its last state`);
      }
    this.#end(server);
  }

  #end(server: Server): void {
    this.#phase = "over";
    for (const client of this.#clients)
      for (const call of [...(client.line?.unanswered ?? []), ...(client.line?.waiting ?? [])])
        this.#stuck(
          `process ${server.serial} never answered call ${call.ref} (${call.command.type} of ${call.command.runId})`,
        );
    this.see({ type: "over" });
  }
}
