// The server side of the worker protocol over real gRPC, moved by hand: tests say what is handed out and what is settled.
import { Server, ServerCredentials, type ServerDuplexStream, type status } from "@grpc/grpc-js";
import {
  type ConnectRequest,
  type ConnectResponse,
  type Task,
  type TaskResult,
  WorkerServiceService,
} from "@millrace/rpc/generated/millrace/v1/workers.ts";

/** How long a test waits for anything before it fails, ms. */
const WAIT_MS = 10_000;

/** One worker's stream, as the server sees it. */
export class ServedStream {
  readonly frames: ConnectRequest[] = [];
  readonly results: TaskResult[] = [];
  /** Granted and not used. */
  credits = 0;
  handedOut = 0;
  halfClosed = false;
  over = false;
  /** Settles every frame of results as it comes, and ends the stream after the worker's half-close. */
  settling = true;
  readonly #call: ServerDuplexStream<ConnectRequest, ConnectResponse>;
  readonly #listeners = new Set<() => void>();

  constructor(call: ServerDuplexStream<ConnectRequest, ConnectResponse>) {
    this.#call = call;
    call.on("data", (frame: ConnectRequest) => {
      this.frames.push(frame);
      this.credits += frame.credits;
      this.results.push(...frame.results);
      if (frame.frame !== 0 && this.settling) this.send({ settled: [frame.frame] });
      this.#changed();
    });
    call.on("end", () => {
      this.halfClosed = true;
      if (this.settling) call.end();
      this.#changed();
    });
    call.on("close", () => {
      this.over = true;
      this.#changed();
    });
    call.on("error", () => undefined);
  }

  send(frame: Partial<ConnectResponse>): void {
    this.#call.write({ welcome: undefined, tasks: [], cancels: [], settled: [], draining: false, ...frame });
  }

  welcome(heartbeatIntervalMs = 1_000, payloadBytesMax = 4_000_000): void {
    this.send({ welcome: { session: "test", heartbeatIntervalMs, payloadBytesMax } });
  }

  /** Hands out tasks, using up credits. */
  hand(...tasks: Task[]): void {
    this.credits -= tasks.length;
    this.handedOut += tasks.length;
    this.send({ tasks });
  }

  /** Settles what was not settled yet, and everything from now on. */
  settleAll(): void {
    this.settling = true;
    this.send({ settled: this.frames.map((frame) => frame.frame).filter((number) => number !== 0) });
  }

  /** Ends the stream in order. */
  end(): void {
    this.#call.end();
  }

  fail(code: status, details: string): void {
    this.#call.emit("error", { code, details });
  }

  /** Resolves with the first thing that `look` finds, now or after any later frame. */
  async until<Found>(what: string, look: () => Found | undefined | false): Promise<Found> {
    return waitFor(what, this.#listeners, look);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

export interface WorkerServer extends AsyncDisposable {
  readonly address: string;
  readonly streams: readonly ServedStream[];
  /** The stream of that ordinal, once its worker has said hello. */
  stream(ordinal: number): Promise<ServedStream>;
  /** Breaks every connection, at once, and stops listening. */
  kill(): void;
}

/** Listens on loopback; on a given port to take the place of a server that was killed. */
export async function startWorkerServer(port = 0): Promise<WorkerServer> {
  const streams: ServedStream[] = [];
  const listeners = new Set<() => void>();
  const server = new Server({ "grpc.max_receive_message_length": 16 * 1024 * 1024 });
  server.addService(WorkerServiceService, {
    connect: (call: ServerDuplexStream<ConnectRequest, ConnectResponse>) => {
      streams.push(new ServedStream(call));
      for (const listener of listeners) listener();
    },
  });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, boundPort) => {
      if (error === null) resolve(boundPort);
      else reject(error);
    });
  });
  return {
    address: `127.0.0.1:${bound}`,
    streams,
    stream: async (ordinal) => {
      const stream = await waitFor(`stream ${ordinal}`, listeners, () => streams[ordinal]);
      await stream.until("hello", () => stream.frames[0]?.hello);
      return stream;
    },
    kill: () => server.forceShutdown(),
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

let serial = 0;

/** A task of type `test`, unlike any other. */
export function testTask(fields: Partial<Task> = {}): Task {
  serial += 1;
  return {
    runId: `run${String(serial).padStart(17, "0")}`,
    epoch: 1,
    step: 0,
    item: 0,
    attempt: 1,
    taskType: "test",
    input: Buffer.alloc(0),
    idempotencyKey: `key-${serial}`,
    timeoutMs: 60_000,
    stepName: "step",
    workflow: "workflow",
    tenant: "tenant",
    ...fields,
  };
}

async function waitFor<Found>(
  what: string,
  listeners: Set<() => void>,
  look: () => Found | undefined | false,
): Promise<Found> {
  const found = look();
  if (found !== undefined && found !== false) return found;
  return new Promise<Found>((resolve, reject) => {
    const give = (): void => {
      clearTimeout(timer);
      listeners.delete(listener);
    };
    const listener = (): void => {
      const later = look();
      if (later === undefined || later === false) return;
      give();
      resolve(later);
    };
    const timer = setTimeout(() => {
      give();
      reject(new Error(`${WAIT_MS} ms passed without ${what}.`));
    }, WAIT_MS);
    listeners.add(listener);
  });
}
