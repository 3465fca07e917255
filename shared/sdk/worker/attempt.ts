import type { Failure } from "@millrace/rpc/generated/millrace/v1/failures.ts";
import type { Task, TaskHeartbeat, TaskRef, TaskResult } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import { REQUEST_BYTES_MAX } from "@millrace/rpc/limits.ts";
import { AttemptLog, type TaskLog } from "./attempt-log.ts";

/** Most bytes of a heartbeat's progress (workers.proto). */
export const PROGRESS_BYTES_MAX = 4 * 1024;

/** Most bytes of one result's log and output: with the rest of its frame they must fit into a request. */
const LOG_AND_OUTPUT_BYTES_MAX = REQUEST_BYTES_MAX - 16 * 1024;

/** Stands for "nothing" in every bytes field; shared, never written to. */
export const NO_BYTES: Buffer = Buffer.alloc(0);

/** What a handler is told about its attempt, and what it can say meanwhile. */
export interface TaskContext {
  readonly runId: string;
  /** From 1. Counts the attempts of this step or item in this epoch. */
  readonly attempt: number;
  /** The step's name. */
  readonly step: string;
  /** Ordinal of the `forEach` item from 0; -1 = the step is not run over items. */
  readonly item: number;
  readonly workflow: string;
  readonly tenant: string;
  /** The same for all automatic attempts of the step or item in one epoch: hand it to third parties. */
  readonly idempotencyKey: string;
  /** When the attempt times out; the server decides, by its own clock. */
  readonly deadline: Date;
  /**
   * Aborts when nobody waits for the result any more: the run is cancelled, the deadline passed, or the worker stops.
   * Its reason is an Error that says which. Made when first read.
   */
  readonly signal: AbortSignal;
  /** Lines kept with the attempt: 64 KiB at most, then one line "truncated". */
  readonly log: TaskLog;
  /**
   * Says that the attempt goes on, and what it has reached: shown in the timeline at the next heartbeat. `progress` is a
   * JSON value of at most 4 KiB; another one is not sent, and the log says so. Extends no time-out.
   */
  heartbeat(progress?: unknown): void;
}

/** Why an attempt's result is no longer waited for. */
export type StopReason = "cancelled" | "deadline" | "stopping";

const STOP_MESSAGES: Readonly<Record<StopReason, string>> = {
  cancelled: "The run no longer waits for this attempt.",
  deadline: "The attempt's time-out passed.",
  stopping: "The worker stops.",
};

/** What an attempt needs of the pool that holds it. */
export interface AttemptHost {
  nowMs(): number;
  monotonicMs(): number;
  /** The attempt's signal exists now: it must hear of its deadline. */
  signalled(attempt: Attempt): void;
}

/** One attempt in this process, from its task frame until its result is settled. */
export class Attempt implements TaskContext {
  readonly task: Task;
  readonly key: string;
  /** Monotonic, ms. */
  readonly receivedMs: number;
  readonly #host: AttemptHost;
  status: "queued" | "running" | "finished" = "queued";
  stopped: StopReason | undefined = undefined;
  /** Once finished: kept until it is settled. */
  result: TaskResult | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #log: AttemptLog | undefined = undefined;
  #progress: Buffer = NO_BYTES;
  #beaten = false;

  constructor(task: Task, key: string, receivedMs: number, host: AttemptHost) {
    this.task = task;
    this.key = key;
    this.receivedMs = receivedMs;
    this.#host = host;
  }

  get runId(): string {
    return this.task.runId;
  }
  get attempt(): number {
    return this.task.attempt;
  }
  get step(): string {
    return this.task.stepName;
  }
  get item(): number {
    return this.task.item - 1;
  }
  get workflow(): string {
    return this.task.workflow;
  }
  get tenant(): string {
    return this.task.tenant;
  }
  get idempotencyKey(): string {
    return this.task.idempotencyKey;
  }
  get deadline(): Date {
    return new Date(this.#host.nowMs() + this.deadlineMs - this.#host.monotonicMs());
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.stopped === undefined && this.#host.monotonicMs() >= this.deadlineMs) this.stopped = "deadline";
      if (this.stopped !== undefined) this.#abort(this.#controller, this.stopped);
      else this.#host.signalled(this);
    }
    return this.#controller.signal;
  }

  get log(): AttemptLog {
    this.#log ??= new AttemptLog(() => this.#host.nowMs());
    return this.#log;
  }

  heartbeat(progress?: unknown): void {
    this.#beaten = true;
    if (progress === undefined) return;
    const text = jsonText(progress);
    if (text === undefined || Buffer.byteLength(text) > PROGRESS_BYTES_MAX) {
      this.log.warn(`A heartbeat's progress was not sent: it must be JSON of at most ${PROGRESS_BYTES_MAX} bytes.`);
      return;
    }
    this.#progress = Buffer.from(text);
  }

  /** Monotonic, ms. */
  get deadlineMs(): number {
    return this.receivedMs + this.task.timeoutMs;
  }

  /** Tells the handler that nobody waits any more. The first reason stays. */
  stop(reason: StopReason): void {
    if (this.stopped !== undefined) return;
    this.stopped = reason;
    if (this.#controller !== undefined) this.#abort(this.#controller, reason);
  }

  /**
   * What to say at a heartbeat; undefined = nothing new, and the attempt began after `sinceMs` (monotonic). A progress of
   * more than `progressBytesMax` stays for the next one.
   */
  takeHeartbeat(sinceMs: number, progressBytesMax: number): TaskHeartbeat | undefined {
    if (!this.#beaten && this.receivedMs > sinceMs) return undefined;
    const progress = this.#progress;
    if (progress.length > progressBytesMax) return { task: this.ref(), progress: NO_BYTES };
    this.#beaten = false;
    this.#progress = NO_BYTES;
    return { task: this.ref(), progress };
  }

  ref(): TaskRef {
    const { runId, epoch, step, item, attempt } = this.task;
    return { runId, epoch, step, item, attempt };
  }

  /** Ends the attempt; the result carries its log. */
  finish(outcome: { $case: "output"; value: Buffer } | { $case: "failure"; value: Failure } | undefined): TaskResult {
    const { runId, epoch, step, item, attempt } = this.task;
    this.status = "finished";
    const outputBytes = outcome?.$case === "output" ? outcome.value.length : 0;
    const logs = this.#log === undefined ? NO_BYTES : this.#log.encode(LOG_AND_OUTPUT_BYTES_MAX - outputBytes);
    this.result = { runId, epoch, step, item, attempt, outcome: outcome ?? { $case: "cancelled", value: true }, logs };
    return this.result;
  }

  #abort(controller: AbortController, reason: StopReason): void {
    controller.abort(new DOMException(STOP_MESSAGES[reason], reason === "deadline" ? "TimeoutError" : "AbortError"));
  }
}

/** The text under which a process holds an attempt. */
export function attemptKey(ref: TaskRef): string {
  return `${ref.runId}/${ref.epoch}/${ref.step}/${ref.item}/${ref.attempt}`;
}

/** A value as JSON text; undefined if it is none (a function, a BigInt, a cycle). */
export function jsonText(value: unknown): string | undefined {
  try {
    // Typed as a string, but a function or a symbol gives undefined.
    const text: string | undefined = JSON.stringify(value);
    return text;
  } catch {
    return undefined;
  }
}
