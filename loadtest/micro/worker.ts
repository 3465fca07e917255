// What the SDK's worker costs: a gRPC server in this process feeds trivial tasks to a worker in a process of its own, over
// loopback. Prints a JSON line for each number of tasks in flight: tasks/s, CPU of the worker a task, and the time from
// handing a batch out to its last result. Not measured: the cost of real handlers, and of payloads beyond 100 bytes.
import { fork } from "node:child_process";
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import {
  type ConnectRequest,
  type ConnectResponse,
  type Task,
  WorkerServiceService,
} from "@millrace/rpc/generated/millrace/v1/workers.ts";
import { fastMethods } from "@millrace/rpc/wire/fast-methods.ts";
import { createWorker } from "@millrace/sdk/worker/worker.ts";

const IN_FLIGHT = [1, 64, 512, 4_096] as const;
const WARM_UP_MS = 1_500;
const MEASURE_MS = 3_000;

/** Tasks of one frame at most, as a busy gateway sends them. */
const FRAME_TASKS = 512;

/** The worker's process: tells its CPU time whenever it is asked. */
async function work(serverAddress: string, inFlight: number): Promise<void> {
  const worker = createWorker({ address: serverAddress, capacity: inFlight });
  worker.handle<{ order: number }>("trivial", (input) => ({ order: input.order, ok: true, note: "a small result" }));
  await worker.start();
  process.on("message", () => process.send?.(process.cpuUsage()));
  process.on("disconnect", () => process.exit());
}

async function measure(inFlight: number): Promise<object> {
  const feed = new Feed(inFlight);
  const port = await feed.listen();
  const child = fork(import.meta.filename, ["worker", `127.0.0.1:${port}`, String(inFlight)]);
  const cpuUs = async (): Promise<number> => {
    const answer = new Promise<NodeJS.CpuUsage>((resolve) =>
      child.once("message", (cpu: NodeJS.CpuUsage) => resolve(cpu)),
    );
    child.send("cpu");
    const { user, system } = await answer;
    return user + system;
  };
  await feed.connected;
  await passed(WARM_UP_MS);
  const [doneBefore, cpuBefore, beganMs] = [feed.done, await cpuUs(), performance.now()];
  feed.roundTripsMs.length = 0;
  await passed(MEASURE_MS);
  const [tasks, cpu, tookMs] = [feed.done - doneBefore, (await cpuUs()) - cpuBefore, performance.now() - beganMs];
  child.disconnect();
  feed.close();
  const sorted = feed.roundTripsMs.toSorted((a, b) => a - b);
  return {
    figure: "worker",
    inFlight,
    tasksPerSecond: Math.round((tasks / tookMs) * 1_000),
    workerCpuUsPerTask: Number((cpu / tasks).toFixed(2)),
    workerCpuShare: Number((cpu / 1_000 / tookMs).toFixed(2)),
    roundTripP50Ms: Number((sorted[sorted.length >> 1] ?? Number.NaN).toFixed(3)),
    resultsPerFrame: Number((feed.done / feed.resultFrames).toFixed(1)),
  };
}

/** The server side: as many tasks as there are credits, every frame settled at once. */
class Feed {
  done = 0;
  resultFrames = 0;
  readonly roundTripsMs: number[] = [];
  readonly connected: Promise<void>;
  readonly #connectedNow: () => void;
  readonly #tasks: Task[];
  readonly #server = new Server({ "grpc-node.flow_control_window": 4 * 1024 * 1024 });
  #next = 0;
  #credits = 0;
  #settled: number[] = [];
  #due = false;
  #sentMs = 0;

  constructor(inFlight: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.connected = promise;
    this.#connectedNow = resolve;
    // More than can be unsettled at once, so that no task is handed out while the worker still holds it.
    this.#tasks = Array.from({ length: 4 * inFlight + 4 * FRAME_TASKS }, (_, n) => taskOf(n));
    this.#server.addService(fastMethods(WorkerServiceService), {
      connect: (call: ServerDuplexStream<ConnectRequest, ConnectResponse>) => {
        call.on("data", (frame: ConnectRequest) => this.#take(call, frame));
        call.on("error", () => undefined);
      },
    });
  }

  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #take(call: ServerDuplexStream<ConnectRequest, ConnectResponse>, frame: ConnectRequest): void {
    if (frame.hello !== undefined) {
      call.write({ ...EMPTY, welcome: { session: "bench", heartbeatIntervalMs: 5_000, payloadBytesMax: 4_000_000 } });
      this.#connectedNow();
    }
    this.#credits += frame.credits;
    this.done += frame.results.length;
    if (frame.frame !== 0) {
      this.resultFrames += 1;
      this.#settled.push(frame.frame);
      this.roundTripsMs.push(performance.now() - this.#sentMs);
    }
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => this.#hand(call));
  }

  #hand(call: ServerDuplexStream<ConnectRequest, ConnectResponse>): void {
    this.#due = false;
    this.#sentMs = performance.now();
    do {
      const tasks: Task[] = [];
      for (; this.#credits > 0 && tasks.length < FRAME_TASKS; this.#credits -= 1) {
        const task = this.#tasks[this.#next];
        if (task !== undefined) tasks.push(task);
        this.#next = (this.#next + 1) % this.#tasks.length;
      }
      call.write({ ...EMPTY, tasks, settled: this.#settled });
      this.#settled = [];
    } while (this.#credits > 0);
  }
}

const EMPTY: ConnectResponse = { welcome: undefined, tasks: [], cancels: [], settled: [], draining: false };

function taskOf(n: number): Task {
  return {
    runId: `0abcdefgh${n.toString(32).padStart(11, "0")}`,
    epoch: 1,
    step: n % 5,
    item: 0,
    attempt: 1,
    taskType: "trivial",
    input: Buffer.from(
      JSON.stringify({ order: n, items: [1, 2, 3], note: "an input payload of about one hundred bytes, like" }),
    ),
    idempotencyKey: `0abcdefgh${n.toString(32).padStart(11, "0")}-1-${n % 5}`,
    timeoutMs: 300_000,
    stepName: "charge",
    workflow: "standard",
    tenant: "default",
  };
}

function passed(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

const [, , role, address, capacity] = process.argv;
if (role === "worker" && address !== undefined) await work(address, Number(capacity));
else for (const inFlight of IN_FLIGHT) process.stdout.write(`${JSON.stringify(await measure(inFlight))}\n`);
