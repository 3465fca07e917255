// The worker's stream: opens it, greets, grants credits, sends results, opens it again when it breaks.
// 1. Credits granted and not used, plus attempts without a result, never exceed the capacity.
// 2. What is sent leaves once a turn of the event loop: results of one turn share a frame, and their credits go with them.
// 3. While results pile up unsettled (RESULTS_KEPT_MAX) or the stream is full, no credit is granted: memory is bounded.
import type { Clock } from "@millrace/clock/clock.ts";
import { PAYLOAD_BYTES_MAX } from "@millrace/model/payload.ts";
import type { ConnectRequest, ConnectResponse, TaskResult } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import { backoffMs } from "../backoff.ts";
import type { AttemptPool } from "./attempt-pool.ts";
import { Outbox } from "./outbox.ts";
import type { StreamEnd, WorkerStream, WorkerTransport } from "./transport.ts";

/** Most credits a stream may have, and most attempts it may announce as held (docs/worker-protocol.md). */
export const CREDITS_MAX = 10_000;

/** Results kept unsettled before credits are withheld: a second and more of the fastest worker we have measured. */
const RESULTS_KEPT_MAX = 50_000;

/** … and their bytes. */
const RESULTS_KEPT_BYTES_MAX = 64 * 1024 * 1024;

/** How long the server may take to answer `hello`, ms. */
const WELCOME_TIMEOUT_MS = 10_000;

/** How long the server may take to end a stream after the worker's half-close, ms. */
const END_TIMEOUT_MS = 5_000;

/**
 * How long an idle worker listens between "draining", whoever said it, and its half-close, ms: tasks may be on the wire,
 * and one with a large input may follow the frame it would have been in.
 */
const QUIET_MS = 100;

/** A stream that lived this long was a good one: the next failure starts from the shortest wait, ms. */
const STEADY_MS = 5_000;

/**
 * The longest wait for the next try of a worker that has attempts or results in its hands, ms: a server that was started
 * anew keeps them for it for 1.5 s (docs/worker-protocol.md).
 */
const HOLDING_WAIT_MS_MAX = 1_000;

const NO_RESULTS: TaskResult[] = [];

export interface ConnectionOptions {
  readonly clock: Clock;
  readonly transport: WorkerTransport;
  readonly pool: AttemptPool;
  readonly name: string;
  readonly build: string;
  readonly taskTypes: readonly string[];
  readonly capacity: number;
  readonly connected: (session: string) => void;
  readonly disconnected: (reason: string, retryMs: number) => void;
  /** Once: the connection is over for good. */
  readonly over: (end: { readonly type: "stopped" } | { readonly type: "refused"; readonly reason: string }) => void;
}

/** One stream, from opening to its end. */
interface Session {
  readonly openedMs: number;
  stream: WorkerStream | undefined;
  welcomed: boolean;
  writable: boolean;
  /** Granted on this stream and not yet used by a task. */
  credits: number;
  /** A frame left since the last heartbeat. */
  sent: boolean;
  /** The server is about to stop: no credits any more, and on to the next stream when idle. */
  serverDraining: boolean;
  drainingSaid: boolean;
  /** Idle, and waiting whether it stays so. */
  quiet: boolean;
  ended: boolean;
  readonly timers: Set<() => void>;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #outbox = new Outbox();
  #session: Session | undefined = undefined;
  #flushDue = false;
  #failures = 0;
  #draining = false;
  #quietMs = QUIET_MS;
  #over = false;
  #cancelRetry: (() => void) | undefined = undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  open(): void {
    const { clock, transport } = this.#options;
    this.#cancelRetry = undefined;
    const session: Session = {
      openedMs: clock.monotonicMs(),
      stream: undefined,
      welcomed: false,
      writable: true,
      credits: 0,
      sent: false,
      serverDraining: false,
      drainingSaid: false,
      quiet: false,
      ended: false,
      timers: new Set(),
    };
    this.#session = session;
    session.stream = transport.connect({
      frame: (frame) => {
        if (this.#session === session) this.#frame(session, frame);
      },
      writable: () => {
        session.writable = true;
        if (this.#session === session) this.#flush();
      },
      closed: (end) => {
        if (this.#session === session) this.#closed(session, end);
      },
    });
    this.#outbox.restart();
    this.#hello(session);
    this.#after(session, WELCOME_TIMEOUT_MS, () => {
      if (!session.welcomed) this.#drop(session, `no welcome within ${WELCOME_TIMEOUT_MS} ms`);
    });
  }

  /** A result to send: it leaves at the end of this turn of the event loop. */
  add(result: TaskResult): void {
    this.#outbox.add(result);
    this.#schedule();
  }

  /** No more credits; half-closes when every result is settled, and is over then. Attempts have `timeoutMs` to end. */
  drain(timeoutMs: number): void {
    this.#draining = true;
    this.#quietMs = Math.min(QUIET_MS, timeoutMs);
    // Without a greeting there is nobody to say good-bye to.
    if (this.#session?.welcomed !== true && this.#idle()) this.abandon();
    else this.#schedule();
  }

  /** Over at once, settled or not. */
  abandon(): void {
    const session = this.#session;
    this.#session = undefined;
    this.#finish({ type: "stopped" });
    if (session !== undefined) {
      cancelTimers(session);
      session.stream?.destroy();
    }
  }

  #hello(session: Session): void {
    const { name, build, taskTypes, pool } = this.#options;
    const hello = { name, build, taskTypes: [...taskTypes], holding: pool.holding(CREDITS_MAX) };
    this.#send(session, { ...emptyFrame(), hello, draining: this.#draining });
  }

  #frame(session: Session, frame: ConnectResponse): void {
    const { pool } = this.#options;
    if (frame.welcome !== undefined) {
      session.welcomed = true;
      pool.payloadBytesMax = Math.min(PAYLOAD_BYTES_MAX, frame.welcome.payloadBytesMax);
      this.#beatEvery(session, frame.welcome.heartbeatIntervalMs);
      this.#options.connected(frame.welcome.session);
      this.#schedule();
    }
    for (const number of frame.settled) {
      const results = this.#outbox.settle(number);
      if (results !== undefined) pool.settle(results);
    }
    if (frame.cancels.length > 0) pool.cancel(frame.cancels);
    if (frame.draining) session.serverDraining = true;
    if (frame.tasks.length > session.credits) {
      this.#drop(session, `the server sent ${frame.tasks.length} tasks for ${session.credits} credits`);
      return;
    }
    session.credits -= frame.tasks.length;
    // After our half-close there is no way to answer: the server hands these out again.
    if (frame.tasks.length > 0 && !session.ended) pool.take(frame.tasks);
    if (this.#free(session) > 0 || this.#mayEnd(session)) this.#schedule();
  }

  /** Sends what there is to say, as far as the stream takes it. */
  #flush(): void {
    const session = this.#session;
    if (session === undefined || !session.welcomed || session.ended) return;
    while (session.writable) {
      const frame = this.#outbox.next();
      const credits = this.#free(session);
      const sayDraining = this.#draining && !session.drainingSaid;
      if (frame === undefined && credits === 0 && !sayDraining) break;
      session.credits += credits;
      this.#send(session, {
        hello: undefined,
        credits,
        results: frame === undefined ? NO_RESULTS : frame.results,
        frame: frame === undefined ? 0 : frame.number,
        heartbeats: [],
        draining: this.#draining,
      });
    }
    if (!this.#mayEnd(session)) return;
    if (session.quiet) return;
    session.quiet = true;
    this.#after(session, this.#quietMs, () => {
      session.quiet = false;
      if (this.#mayEnd(session)) this.#end(session);
    });
  }

  #send(session: Session, frame: ConnectRequest): void {
    session.sent = true;
    if (frame.draining) session.drainingSaid = true;
    if (session.stream !== undefined) session.writable = session.stream.send(frame);
  }

  /** How many credits may be granted now (invariants 1 and 3). */
  #free(session: Session): number {
    if (this.#draining || session.serverDraining || !session.writable) return 0;
    if (this.#outbox.results > RESULTS_KEPT_MAX || this.#outbox.bytes > RESULTS_KEPT_BYTES_MAX) return 0;
    return Math.max(0, this.#options.capacity - this.#options.pool.open - session.credits);
  }

  #idle(): boolean {
    return this.#options.pool.open === 0 && this.#outbox.results === 0;
  }

  #mayEnd(session: Session): boolean {
    return (this.#draining || session.serverDraining) && session.welcomed && !session.ended && this.#idle();
  }

  #end(session: Session): void {
    session.ended = true;
    session.stream?.end();
    this.#after(session, END_TIMEOUT_MS, () => this.#drop(session, `not ended within ${END_TIMEOUT_MS} ms`));
  }

  #beatEvery(session: Session, intervalMs: number): void {
    this.#after(session, intervalMs, () => {
      const { pool, clock } = this.#options;
      if (pool.open > 0 && session.writable && !session.ended) {
        const heartbeats = pool.takeHeartbeats(clock.monotonicMs() - intervalMs);
        if (heartbeats.length > 0 || !session.sent) this.#send(session, { ...emptyFrame(), heartbeats });
      }
      session.sent = false;
      this.#beatEvery(session, intervalMs);
    });
  }

  #closed(session: Session, end: StreamEnd): void {
    cancelTimers(session);
    this.#session = undefined;
    if (end.type === "refused") {
      this.#finish({ type: "refused", reason: end.reason });
      return;
    }
    if (this.#draining && this.#idle()) {
      this.#finish({ type: "stopped" });
      return;
    }
    const { clock, disconnected } = this.#options;
    this.#failures = session.welcomed && clock.monotonicMs() - session.openedMs >= STEADY_MS ? 0 : this.#failures + 1;
    const retryMs = backoffMs(this.#failures, clock.random32(), this.#idle() ? undefined : HOLDING_WAIT_MS_MAX);
    disconnected(end.type === "lost" ? end.reason : "the server ended the stream", retryMs);
    // `disconnected` may have stopped the worker.
    if (!this.#over) this.#cancelRetry = clock.after(retryMs, () => this.open());
  }

  /** Gives up a stream that misbehaves. */
  #drop(session: Session, reason: string): void {
    session.stream?.destroy();
    if (this.#session === session) this.#closed(session, { type: "lost", reason });
  }

  #finish(end: Parameters<ConnectionOptions["over"]>[0]): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelRetry?.();
    this.#options.over(end);
  }

  /**
   * At the end of this turn of the event loop. Leaving with the microtasks instead measured the same within noise, with
   * one task in flight as with 4,096, and would send a frame for every callback that ends an asynchronous handler.
   */
  #schedule(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    this.#options.clock.soon(() => {
      this.#flushDue = false;
      this.#flush();
    });
  }

  #after(session: Session, delayMs: number, callback: () => void): void {
    const cancel = this.#options.clock.after(delayMs, () => {
      session.timers.delete(cancel);
      callback();
    });
    session.timers.add(cancel);
  }
}

function cancelTimers(session: Session): void {
  for (const cancel of session.timers) cancel();
  session.timers.clear();
}

function emptyFrame(): ConnectRequest {
  return { hello: undefined, credits: 0, results: [], frame: 0, heartbeats: [], draining: false };
}
