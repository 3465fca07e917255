// Every attempt this process holds, from its task until its result is settled. Owns starting handlers, dedupe, cancels
// and deadlines; knows nothing of streams or frames.
// 1. An attempt handed out again while it is held is not run again: its result, if there is one, is sent once more.
// 2. A handler that returns a plain value costs no promise, timer or closure.
// 3. Handlers start in slices of the event loop, so that a batch of slow synchronous ones cannot silence the stream.
import type { Clock } from "@millrace/clock/clock.ts";
import { PAYLOAD_BYTES_MAX } from "@millrace/model/payload.ts";
import type { Task, TaskHeartbeat, TaskRef, TaskResult } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import type { ParsePayload } from "../parse-payload.ts";
import { Attempt, type AttemptHost, attemptKey, jsonText, NO_BYTES, type TaskContext } from "./attempt.ts";
import { failureOfCode, failureOfThrown } from "./task-errors.ts";

/** Makes an attempt: returns (a promise of) its output, or throws. */
export type StoredHandler = (input: unknown, ctx: TaskContext) => unknown;

/** How long handlers are started before other work of the event loop gets a turn, ms. */
const SLICE_MS = 10;

/** How often deadlines are looked at, ms: an abort may come this much late; the server's own timer decides anyway. */
const DEADLINE_SWEEP_MS = 100;

/** Most bytes of progress in one heartbeat frame; beside them fit the names of 10,000 attempts. */
const BEAT_PROGRESS_BYTES_MAX = 1024 * 1024;

/** Longest piece of a stack trace that goes to an attempt's log, characters. */
const STACK_CHARACTERS_MAX = 4_096;

export interface AttemptPoolOptions {
  readonly clock: Clock;
  readonly handlers: ReadonlyMap<string, StoredHandler>;
  /** Makes values of tasks' inputs. */
  readonly parse: ParsePayload;
  /** An attempt has a result to send. */
  readonly finished: (result: TaskResult) => void;
}

export class AttemptPool implements AttemptHost {
  readonly #clock: Clock;
  readonly #handlers: ReadonlyMap<string, StoredHandler>;
  readonly #parse: ParsePayload;
  readonly #finished: (result: TaskResult) => void;
  readonly #held = new Map<string, Attempt>();
  /** Attempts whose handlers asked for a signal: only they need to hear of their deadline. */
  readonly #signalled = new Set<Attempt>();
  #queue: Attempt[] = [];
  #queueHead = 0;
  #pumping = false;
  #sweeping = false;
  #open = 0;
  /** The largest output the server takes, bytes; its welcome may say less. */
  payloadBytesMax = PAYLOAD_BYTES_MAX;

  constructor(options: AttemptPoolOptions) {
    this.#clock = options.clock;
    this.#handlers = options.handlers;
    this.#parse = options.parse;
    this.#finished = options.finished;
  }

  /** Attempts without a result yet. */
  get open(): number {
    return this.#open;
  }

  take(tasks: readonly Task[]): void {
    const nowMs = this.#clock.monotonicMs();
    for (const task of tasks) {
      const key = attemptKey(task);
      const held = this.#held.get(key);
      if (held === undefined) {
        const attempt = new Attempt(task, key, nowMs, this);
        this.#held.set(key, attempt);
        this.#queue.push(attempt);
        this.#open += 1;
      } else if (held.result !== undefined) {
        this.#finished(held.result);
      }
    }
    if (!this.#pumping) this.#pump();
  }

  /** Asks attempts to stop. One that has not begun is over at once; unknown ones had their result sent before. */
  cancel(refs: readonly TaskRef[]): void {
    for (const ref of refs) {
      const attempt = this.#held.get(attemptKey(ref));
      if (attempt === undefined || attempt.status === "finished") continue;
      attempt.stop("cancelled");
      if (attempt.status === "queued") this.#end(attempt, undefined);
    }
  }

  /** These results are durable: the attempts are forgotten. */
  settle(results: readonly TaskResult[]): void {
    for (const result of results) this.#held.delete(attemptKey(result));
  }

  /** Tells every handler under way to stop because the worker does. */
  stop(): void {
    for (const attempt of this.#held.values()) {
      if (attempt.status === "finished") continue;
      attempt.stop("stopping");
      if (attempt.status === "queued") this.#fail(attempt, stoppedFailure());
    }
  }

  /**
   * What this process works on or has results of that are not settled, for `hello`: at most `max`, those without a result
   * first, for the results of the others follow at once.
   */
  holding(max: number): TaskRef[] {
    const open: Attempt[] = [];
    const finished: Attempt[] = [];
    for (const attempt of this.#held.values()) (attempt.status === "finished" ? finished : open).push(attempt);
    return [...open, ...finished].slice(0, max).map((attempt) => attempt.ref());
  }

  /** Signs of life of attempts that began before `sinceMs` (monotonic) or have something new to say. */
  takeHeartbeats(sinceMs: number): TaskHeartbeat[] {
    const beats: TaskHeartbeat[] = [];
    let progressBytesLeft = BEAT_PROGRESS_BYTES_MAX;
    for (const attempt of this.#held.values()) {
      const beat = attempt.status === "finished" ? undefined : attempt.takeHeartbeat(sinceMs, progressBytesLeft);
      if (beat === undefined) continue;
      progressBytesLeft -= beat.progress.length;
      beats.push(beat);
    }
    return beats;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  signalled(attempt: Attempt): void {
    this.#signalled.add(attempt);
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#clock.after(DEADLINE_SWEEP_MS, () => this.#sweep());
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const attempt of this.#signalled) {
      if (nowMs < attempt.deadlineMs) continue;
      this.#signalled.delete(attempt);
      attempt.stop("deadline");
    }
    this.#sweeping = this.#signalled.size > 0;
    if (this.#sweeping) this.#clock.after(DEADLINE_SWEEP_MS, () => this.#sweep());
  }

  #pump(): void {
    this.#pumping = false;
    const untilMs = this.#clock.monotonicMs() + SLICE_MS;
    for (;;) {
      const attempt = this.#queue[this.#queueHead];
      if (attempt === undefined) break;
      if (this.#clock.monotonicMs() > untilMs) {
        this.#pumping = true;
        this.#queue = this.#queue.slice(this.#queueHead);
        this.#queueHead = 0;
        this.#clock.soon(() => this.#pump());
        return;
      }
      this.#queueHead += 1;
      if (attempt.status === "queued") this.#run(attempt);
    }
    this.#queue = [];
    this.#queueHead = 0;
  }

  #run(attempt: Attempt): void {
    const { task } = attempt;
    const handler = this.#handlers.get(task.taskType);
    if (handler === undefined) {
      this.#fail(attempt, failureOfThrown(new Error(`This worker does not serve the task type ${task.taskType}.`)));
      return;
    }
    attempt.status = "running";
    let value: unknown;
    try {
      const input: unknown = task.input.length === 0 ? null : this.#parse(task.input.toString());
      // A view into its frame, which would stay in memory as long as the attempt.
      task.input = NO_BYTES;
      value = handler(input, attempt);
    } catch (thrown: unknown) {
      this.#threw(attempt, thrown);
      return;
    }
    if (isThenable(value)) {
      value.then(
        (output) => this.#returned(attempt, output),
        (thrown: unknown) => this.#threw(attempt, thrown),
      );
    } else {
      this.#returned(attempt, value);
    }
  }

  #returned(attempt: Attempt, value: unknown): void {
    if (value === undefined || value === null) {
      this.#end(attempt, { $case: "output", value: NO_BYTES });
      return;
    }
    const text = jsonText(value);
    if (text === undefined) {
      this.#fail(attempt, failureOfCode("OUTPUT_NOT_JSON", `The handler returned ${typeof value}, which is not JSON.`));
      return;
    }
    const output = Buffer.from(text);
    if (output.length > this.payloadBytesMax) {
      const message = `The output has ${output.length} bytes; at most ${this.payloadBytesMax} are allowed.`;
      this.#fail(attempt, failureOfCode("PAYLOAD_TOO_LARGE", message));
      return;
    }
    this.#end(attempt, { $case: "output", value: output });
  }

  #threw(attempt: Attempt, thrown: unknown): void {
    if (attempt.stopped === "cancelled") this.#end(attempt, undefined);
    else if (attempt.stopped === "deadline") this.#fail(attempt, failureOfCode("ATTEMPT_TIMEOUT", messageOf(thrown)));
    else if (attempt.stopped === "stopping") this.#fail(attempt, stoppedFailure());
    else {
      const failure = failureOfThrown(thrown);
      if (failure.code === "WORKER_ERROR" && thrown instanceof Error && thrown.stack !== undefined) {
        attempt.log.error("unclassified error", { stack: thrown.stack.slice(0, STACK_CHARACTERS_MAX) });
      }
      this.#fail(attempt, failure);
    }
  }

  #fail(attempt: Attempt, failure: ReturnType<typeof failureOfThrown>): void {
    this.#end(attempt, { $case: "failure", value: failure });
  }

  #end(attempt: Attempt, outcome: Parameters<Attempt["finish"]>[0]): void {
    // A thenable of someone else's making may call back twice.
    if (attempt.status === "finished") return;
    if (this.#signalled.size > 0) this.#signalled.delete(attempt);
    this.#open -= 1;
    this.#finished(attempt.finish(outcome));
  }
}

function stoppedFailure(): ReturnType<typeof failureOfThrown> {
  return failureOfCode("WORKER_LOST", "The worker was stopped before the attempt was over.");
}

function messageOf(thrown: unknown): string {
  return `The attempt's time-out passed; the handler then threw: ${failureOfThrown(thrown).message}`;
}

interface Thenable {
  then(resolved: (value: unknown) => void, rejected: (thrown: unknown) => void): unknown;
}

function isThenable(value: unknown): value is Thenable {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
