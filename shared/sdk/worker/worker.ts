import { hostname } from "node:os";
import type { Clock } from "@millrace/clock/clock.ts";
import { systemClock } from "@millrace/clock/system.ts";
import { parseJson } from "../parse-payload.ts";
import { credentialsOf, type TlsFiles } from "../tls.ts";
import type { TaskContext } from "./attempt.ts";
import { AttemptPool, type StoredHandler } from "./attempt-pool.ts";
import { Connection, CREDITS_MAX } from "./connection.ts";
import { grpcTransport } from "./grpc-transport.ts";
import type { WorkerTransport } from "./transport.ts";

/** Attempts at once unless the worker says otherwise. */
const CAPACITY_DEFAULT = 100;

/** How long `stop` waits for attempts under way unless the caller says otherwise, ms. */
const DRAIN_TIMEOUT_MS_DEFAULT = 30_000;

/** How long handlers have to report after their signals were aborted by `stop`, ms. */
const LAST_WORDS_MS = 2_000;

/** Most task types of one worker (workers.proto). */
const TASK_TYPES_MAX = 1_000;

const TASK_TYPE = /^[A-Za-z0-9._-]{1,128}$/;

export interface WorkerOptions {
  /** The server's gRPC address, `host:port`. @default "127.0.0.1:7400" */
  readonly address?: string;
  /** What people know this process by, 1 to 64 characters. @default the host's name */
  readonly name?: string;
  /** The version of its code, shown in timelines; at most 64 characters. @default "" */
  readonly build?: string;
  /** How many attempts it makes at once, 1 to 10,000. @default 100 */
  readonly capacity?: number;
  /** How to reach a server that speaks TLS. @default none: plain text */
  readonly tls?: TlsFiles;
  /**
   * Makes values of the JSON texts of tasks' inputs. JSON.parse rounds numbers beyond 2^53: a worker that hands IDs on may
   * want them as they are written. @default JSON.parse
   */
  readonly parsePayload?: (text: string) => unknown;
  /** Called after each greeting by a server, with its name for the stream. */
  readonly onConnected?: (session: string) => void;
  /** Called when a stream broke; the next one is tried in `retryMs`. */
  readonly onDisconnected?: (reason: string, retryMs: number) => void;
  /** Another way to the server than gRPC; then `address` and `tls` mean nothing. */
  readonly transport?: WorkerTransport;
  /** Time other than the machine's, for simulations. */
  readonly clock?: Clock;
}

export interface Worker {
  /**
   * Serves a task type. `fn` gets the task's input and returns its output, a JSON value or a promise of one
   * (`undefined` is null). `Input` is what the workflow promises: check it where that matters. A thrown `TransientError`
   * or `PermanentError` says how it failed; any other is retried, and shown as `WORKER_ERROR`. `fn` must not block the
   * event loop for seconds: the server would take the worker for lost.
   */
  handle<Input = unknown>(type: string, fn: (input: Input, ctx: TaskContext) => unknown): Worker;
  /** Connects; resolves at the first greeting. Keeps trying while no server answers, rejects when one refuses for good. */
  start(): Promise<void>;
  /**
   * Takes no more tasks, lets attempts under way finish for `timeoutMs` (default 30,000), then aborts their signals and
   * waits 2 s more. Resolves when results are settled and the stream is closed; what is unsettled then is made again.
   */
  stop(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Resolves when the worker has stopped; rejects when a server refused it for good. */
  readonly closed: Promise<void>;
}

/**
 * A worker: takes tasks of the types it handles and makes attempts, at most `capacity` at once. It survives restarts of
 * the server: attempts go on, results are kept until they are durable. Throws RangeError for options out of bounds.
 */
export function createWorker(options: WorkerOptions = {}): Worker {
  return new StreamWorker(options);
}

class StreamWorker implements Worker {
  readonly closed: Promise<void>;
  readonly #options: WorkerOptions;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #capacity: number;
  readonly #handlers = new Map<string, StoredHandler>();
  readonly #pool: AttemptPool;
  readonly #connected = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #connection: Connection | undefined = undefined;
  #stopping = false;
  #cancelTimers: (() => void)[] = [];

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#name = options.name ?? hostname().slice(0, 64);
    this.#capacity = options.capacity ?? CAPACITY_DEFAULT;
    if (!Number.isInteger(this.#capacity) || this.#capacity < 1 || this.#capacity > CREDITS_MAX) {
      throw new RangeError(`capacity is ${this.#capacity}; it must be a whole number from 1 to ${CREDITS_MAX}.`);
    }
    if (this.#name === "" || this.#name.length > 64) throw new RangeError("name must have 1 to 64 characters.");
    if ((options.build ?? "").length > 64) throw new RangeError("build must have at most 64 characters.");
    this.#pool = new AttemptPool({
      clock: this.#clock,
      handlers: this.#handlers,
      parse: options.parsePayload ?? parseJson,
      finished: (result) => this.#connection?.add(result),
    });
    this.closed = this.#closed.promise;
    // Whoever does not look at these promises must not die of them.
    this.closed.catch(() => undefined);
    this.#connected.promise.catch(() => undefined);
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- names the promise where the handler is written
  handle<Input = unknown>(type: string, fn: (input: Input, ctx: TaskContext) => unknown): Worker {
    if (!TASK_TYPE.test(type)) throw new RangeError(`The task type ${type} must match ${TASK_TYPE.source}.`);
    if (this.#connection !== undefined) throw new Error(`handle(${type}) came after start().`);
    if (this.#handlers.has(type)) throw new Error(`The task type ${type} has a handler already.`);
    if (this.#handlers.size === TASK_TYPES_MAX)
      throw new RangeError(`A worker serves at most ${TASK_TYPES_MAX} types.`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- data of another process: the caller vouches for it
    this.#handlers.set(type, fn as StoredHandler);
    return this;
  }

  start(): Promise<void> {
    if (this.#connection !== undefined) return this.#connected.promise;
    if (this.#stopping) return Promise.reject(new Error("The worker was stopped before it started."));
    if (this.#handlers.size === 0) return Promise.reject(new Error("The worker has no handlers: call handle() first."));
    this.#connection = new Connection({
      clock: this.#clock,
      transport: this.#options.transport ?? defaultTransport(this.#options),
      pool: this.#pool,
      name: this.#name,
      build: this.#options.build ?? "",
      taskTypes: [...this.#handlers.keys()],
      capacity: this.#capacity,
      connected: (session) => {
        this.#connected.resolve();
        this.#options.onConnected?.(session);
      },
      disconnected: (reason, retryMs) => this.#options.onDisconnected?.(reason, retryMs),
      over: (end) => this.#over(end.type === "stopped" ? undefined : new Error(`The server refused: ${end.reason}`)),
    });
    this.#connection.open();
    return this.#connected.promise;
  }

  stop(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (this.#stopping) return this.closed;
    this.#stopping = true;
    const connection = this.#connection;
    if (connection === undefined) {
      this.#over(undefined);
      return this.closed;
    }
    const timeoutMs = options.timeoutMs ?? DRAIN_TIMEOUT_MS_DEFAULT;
    this.#cancelTimers = [
      this.#clock.after(timeoutMs, () => this.#pool.stop()),
      this.#clock.after(timeoutMs + LAST_WORDS_MS, () => connection.abandon()),
    ];
    connection.drain(timeoutMs);
    return this.closed;
  }

  #over(error: Error | undefined): void {
    for (const cancel of this.#cancelTimers) cancel();
    if (error === undefined) {
      this.#connected.reject(new Error("The worker was stopped before a server greeted it."));
      this.#closed.resolve();
    } else {
      this.#pool.stop();
      this.#connected.reject(error);
      this.#closed.reject(error);
    }
  }
}

function defaultTransport(options: WorkerOptions): WorkerTransport {
  return grpcTransport({
    address: options.address ?? "127.0.0.1:7400",
    credentials: credentialsOf(options.tls),
  });
}
