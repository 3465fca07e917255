// What a run costs on its way between gateway and owner over the bus: encoding and decoding the frames alone, and with all
// that channels, sessions and books do, over a bus that costs nothing and a shard that answers at once. One core, both
// sides in one process. Prints a JSON line a figure.
import type { Bus, BusMessage } from "@millrace/bus/bus.ts";
import { systemClock } from "@millrace/clock/system.ts";
import { mintRunId } from "@millrace/core/run-id.ts";
import { endMessage, endOf, replyMessage, replyOf } from "@millrace/link/bus/codec/answers.ts";
import { putCommand, readCommands } from "@millrace/link/bus/codec/commands.ts";
import {
  decodeGatewayFrame,
  decodeShardFrame,
  encodeGatewayFrame,
  encodeShardFrame,
  newGatewayFrame,
  newShardFrame,
} from "@millrace/link/bus/codec/frames.ts";
import { taskMessage, taskOf } from "@millrace/link/bus/codec/tasks.ts";
import { RemoteShards } from "@millrace/link/bus/remote-shards.ts";
import { ShardServer } from "@millrace/link/bus/shard-server.ts";
import type { Envelope, Origin, RunEnd } from "@millrace/link/link.ts";
import type { LocalShard, LocalTasks } from "@millrace/link/local-shard.ts";
import {
  type RunId,
  SLOT_COUNT,
  shardId,
  slot,
  tenantId,
  term,
  workerName,
  workflowName,
} from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import type { Task } from "@millrace/model/task.ts";

const RUNS = 256;
const STEPS = 5;
const SAMPLES = 200;
const PAYLOAD = json(JSON.stringify({ order: "o-1029384756", customer: "c-55", total: 1299, note: "x".repeat(31) }));
const TENANT = tenantId("default");
const NOW_MS = 1_782_907_200_000;

const runIds = Array.from({ length: RUNS }, (_, index) =>
  mintRunId(NOW_MS, slot(index % SLOT_COUNT), index * 7919, index),
);

function startOf(runId: RunId): RunCommand {
  return {
    ...{ type: "start", runId, tenant: TENANT, workflow: workflowName("order-paid"), version: 3, input: PAYLOAD },
    ...{ idempotencyKey: "", inputHash: "", traceparent: "", parent: null },
  };
}

function taskFor(runId: RunId, step: number): Task {
  return {
    ...{ runId, epoch: 1, step, item: -1, attempt: 1, tenant: TENANT, workflow: workflowName("order-paid") },
    ...{ stepName: "charge", taskType: "acme.charge", input: PAYLOAD, idempotencyKey: `${runId}-1-${step}-0` },
    timeoutMs: 300_000,
  };
}

function resultOf(runId: RunId, step: number): RunCommand {
  const token = { runId, epoch: 1, step, item: -1, attempt: 1 };
  const outcome = { type: "completed", output: PAYLOAD } as const;
  const result = { ...token, outcome, worker: workerName("w1@b7"), startedMs: NOW_MS + step, logs: null };
  return { type: "result", tenant: TENANT, runId, result };
}

function endFor(runId: RunId, ref: number): RunEnd {
  return {
    ...{ ref, runId, epoch: 1, status: "completed", output: PAYLOAD, failure: null, failedStep: "" },
    endedMs: NOW_MS + 5,
  };
}

const starts = runIds.map(startOf);
const results = runIds.flatMap((runId) => Array.from({ length: STEPS }, (_, step) => resultOf(runId, step)));
const tasks = runIds.flatMap((runId) => Array.from({ length: STEPS }, (_, step) => taskFor(runId, step)));
const done = (ref: number, runId: RunId) => ({ type: "done", ref, runId, repeated: false, epoch: 1 }) as const;

/** All that gateways say of {@link RUNS} runs of {@link STEPS} steps, said and heard; returns how much there was. */
function commandsThere(): number {
  const frame = newGatewayFrame();
  let ref = 1_000_000;
  for (const command of starts) putCommand(frame, ref++, command, true);
  for (const command of results) putCommand(frame, ref++, command, false);
  const heard = decodeGatewayFrame(encodeGatewayFrame(frame));
  let count = 0;
  if (heard !== undefined)
    readCommands(
      heard,
      () => count++,
      () => {},
    );
  return count;
}

/** … and all that owners say. */
function answersBack(): number {
  const frame = newShardFrame();
  let ref = 1_000_000;
  for (const { runId } of starts) frame.replies.push(replyMessage(done(ref++, runId)));
  for (const { runId } of results) frame.replies.push(replyMessage(done(ref++, runId)));
  frame.pulled.push({ ref: 1, tasks: tasks.map(taskMessage), released: 0, isLast: true, left: [] });
  for (const runId of runIds) frame.ends.push(endMessage(endFor(runId, ref++)));
  const heard = decodeShardFrame(encodeShardFrame(frame));
  if (heard === undefined) return 0;
  let count = heard.pulled.reduce((sum, { tasks: pulled }) => sum + pulled.map(taskOf).length, 0);
  for (const reply of heard.replies) count += replyOf(reply, NO_RUN).ref > 0 ? 1 : 0;
  return count + heard.ends.map(endOf).length;
}

const NO_RUN = mintRunId(0, slot(0), 0, 0);

/** µs a run, the best of {@link SAMPLES}: what the code costs when nobody else has the core. */
function perRunUs(work: () => number): number {
  let bestUs = Number.POSITIVE_INFINITY;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const fromMs = performance.now();
    if (work() === 0) throw new Error("Nothing was encoded or decoded.");
    bestUs = Math.min(bestUs, ((performance.now() - fromMs) * 1_000) / RUNS);
  }
  return bestUs;
}

/** A bus within the process: what is published is heard in the next turn of the event loop. */
class LoopBus implements Bus {
  readonly inbox = "inbox.loop";
  readonly connected = true;
  bytes = 0;
  readonly #listeners = new Map<string, (message: BusMessage) => void>();
  publish(subject: string, data: Uint8Array, reply = ""): void {
    this.bytes += data.length;
    setImmediate(() => {
      const heard = this.#listeners.get(subject);
      if (heard !== undefined) heard({ type: "message", subject, data, reply });
    });
  }
  subscribe(pattern: string, heard: (message: BusMessage) => void): () => void {
    this.#listeners.set(pattern, heard);
    return () => void this.#listeners.delete(pattern);
  }
  request(): Promise<never> {
    return Promise.reject(new Error("The link asks nothing."));
  }
  onConnection(): () => void {
    return () => {};
  }
  settled(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A shard that answers at once, and has as many tasks as are asked for. */
class EasyShard implements LocalShard {
  readonly term = term(1);
  #given = 0;
  #answers = new Map<Origin, Envelope[]>();
  readonly tasks: LocalTasks = {
    connect: () => () => {},
    tenantsWaiting: () => 1,
    demands: () => new Map([["acme.charge", 1]]),
    pull: (_holder, _types, credits) =>
      Array.from({ length: credits }, () => tasks[this.#given++ % tasks.length] ?? taskFor(NO_RUN, 0)),
    hold: () => {},
    giveBack: () => {},
    release: () => {},
    workersAreBack: () => {},
  };
  onTerm = () => () => {};
  submit(origin: Origin, envelope: Envelope): void {
    const answers = this.#answers.get(origin);
    if (answers === undefined) this.#answers.set(origin, [envelope]);
    else answers.push(envelope);
  }
  wake(): void {
    const answers = this.#answers;
    this.#answers = new Map();
    for (const [origin, envelopes] of answers) {
      origin.replied(envelopes.map(({ ref, command }) => done(ref, command.runId)));
      const ends = envelopes.filter(({ notifyEnd }) => notifyEnd);
      if (ends.length > 0) origin.ended(ends.map(({ ref, command }) => endFor(command.runId, ref)));
    }
  }
  forget(): void {}
  follow(): void {}
  unfollow(): void {}
  run(): void {}
  list(): void {}
  watch() {
    return { taken() {}, end() {} };
  }
}

function envelopesOf(commands: readonly RunCommand[], notifyEnd: boolean): Envelope[] {
  return commands.map((command, ref) => ({ ref, command, notifyEnd }));
}

/** The whole way of runs: their starts, tasks, results and ends. Resolves to µs a run and bytes a run. */
async function throughChannels(): Promise<{ readonly us: number; readonly bytes: number }> {
  const [bus, id] = [new LoopBus(), shardId(0)];
  const subjects = { shard: () => "shard", owner: "owner" };
  const server = new ShardServer({ id, shard: new EasyShard(), bus, clock: systemClock, subjects, process: "o" });
  await server.open();
  const shards = new RemoteShards({ bus, clock: systemClock, subjects, process: "g", suspect: () => {} });
  shards.route([{ shard: id, from: 0, until: SLOT_COUNT }]);
  shards.connect({ demand: () => {}, withdraw: () => {}, moved: () => {}, owed: () => {}, holding: () => [] });
  let open = 0;
  let finished: (() => void) | null = null;
  const told = (count: number): void => {
    open -= count;
    if (open === 0) finished?.();
  };
  const origin: Origin = { replied: (replies) => told(replies.length), ended: (ends) => told(ends.length) };
  await new Promise((resolve) => setTimeout(resolve, 50));
  let bestUs = Number.POSITIVE_INFINITY;
  for (let sample = 0; sample < SAMPLES; sample++) {
    bus.bytes = 0;
    const fromMs = performance.now();
    await new Promise<void>((resolve) => {
      finished = resolve;
      open = 2 * starts.length + results.length + tasks.length;
      shards.submit(origin, envelopesOf(starts, true));
      shards.pull(["acme.charge"], tasks.length, (pulled, released) => told(pulled.length + released));
      shards.submit(origin, envelopesOf(results, false));
    });
    bestUs = Math.min(bestUs, ((performance.now() - fromMs) * 1_000) / RUNS);
  }
  const bytes = bus.bytes / RUNS;
  shards.close();
  server.close();
  return { us: bestUs, bytes };
}

function print(figure: string, us: number, more: Record<string, number> = {}): void {
  const line = { figure, usPerRun: Number(us.toFixed(2)), runsPerSecond: Math.round(1_000_000 / us), ...more };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const commandsUs = perRunUs(commandsThere);
const answersUs = perRunUs(answersBack);
print("commands encoded and decoded", commandsUs);
print("answers and tasks encoded and decoded", answersUs);
const whole = await throughChannels();
print("all of it through channel and session", whole.us, { bytesPerRun: Math.round(whole.bytes) });
