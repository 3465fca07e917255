// Starts runs over one stream and hears of their starts and ends, in batches. Owns what is not answered yet.
// 1. A run stays pending until the last answer asked for came, it was refused, or its outcome is unknown.
// 2. After a reconnect a pending run is sent again if it has an idempotency key; without one a second start could be a
//    second run, so it is reported as unknown.
// 3. Nobody is told that a run was refused after they were told that it started: what a new stream refuses of those is
//    asked for again if that may help, else its outcome is unknown.
// 4. At most `pendingMax` runs are pending: `submit` throws beyond, `room()` waits for it.

import { randomInt } from "node:crypto";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import {
  type RunStart,
  type RunStarted,
  SubmitAnswers,
  type SubmitRunsRequest,
  type SubmitRunsResponse,
  type RunEnd as WireEnd,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { backoffMs } from "../backoff.ts";
import type { ParsePayload } from "../parse-payload.ts";
import { errorOfCall, errorOfStart, isFailedCall, MillraceError } from "./millrace-error.ts";
import { encodePayload } from "./payload.ts";
import { type RunEnd, runEndOf } from "./run.ts";

/** A run to start. */
export interface RunRequest {
  readonly workflow: string;
  /** A JSON value. @default null */
  readonly input?: unknown;
  /** Makes the start repeatable: the same key and input are the same run, for at least 7 days. @default none */
  readonly idempotencyKey?: string;
  /** @default the newest */
  readonly version?: number;
}

export interface StartAnswer {
  readonly ref: number;
  /** Empty if refused. */
  readonly runId: string;
  /** Whether an earlier start with this key started it. */
  readonly repeated: boolean;
  /** Why it was refused; undefined if it was not. */
  readonly error: MillraceError | undefined;
}

export interface EndAnswer extends RunEnd {
  readonly ref: number;
}

/** A run whose stream broke before its answers came, and that cannot be asked for again. */
export interface UnknownOutcome {
  readonly ref: number;
  /** Empty if not even its start was answered: it may have started or not. */
  readonly runId: string;
}

export interface SubmitterOptions {
  /** Which answers to ask for. Refusals always come. @default "both" */
  readonly answers?: "starts" | "ends" | "both";
  /** Runs that are durable now, or were refused. */
  readonly onStarted?: (batch: readonly StartAnswer[]) => void;
  readonly onEnded?: (batch: readonly EndAnswer[]) => void;
  readonly onUnknown?: (batch: readonly UnknownOutcome[]) => void;
  /** How many runs may be pending, 1 to 100,000. @default 10,000 */
  readonly pendingMax?: number;
}

export interface Submitter {
  /**
   * Starts runs; they leave together at the end of this turn of the event loop. Returns the `ref` of the first one; the
   * others follow it. Throws MillraceError RESOURCE_EXHAUSTED beyond `pendingMax`, TypeError for an input that is not JSON.
   */
  submit(runs: readonly RunRequest[]): number;
  /** Runs with an answer to come. */
  readonly pending: number;
  /** Resolves when `count` more runs may be submitted; rejects when the submitter is over. */
  room(count?: number): Promise<void>;
  /** Takes no more runs; resolves when every answer came, rejects when the server refuses the stream. */
  finish(): Promise<void>;
  /** Drops the stream at once; what is pending is reported as unknown. */
  close(): void;
}

/** Opens a stream. */
export type OpenSubmit = () => ClientDuplexStream<SubmitRunsRequest, SubmitRunsResponse>;

const PENDING_MAX_DEFAULT = 10_000;
const PENDING_MAX = 100_000;

/** Most runs and bytes of one frame, unless one run alone is larger. */
const FRAME_RUNS_MAX = 2_000;
const FRAME_BYTES_MAX = 2 * 1024 * 1024;

/** What a start takes in a frame beside its input, rounded up. */
const START_OVERHEAD_BYTES = 512;

const WANTED = {
  starts: SubmitAnswers.STARTS,
  ends: SubmitAnswers.ENDS,
  both: SubmitAnswers.STARTS_AND_ENDS,
} as const;

interface Pending {
  readonly start: RunStart;
  sent: boolean;
  runId: string;
}

interface Waiter {
  readonly count: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class StreamSubmitter implements Submitter {
  readonly #open: OpenSubmit;
  readonly #parse: ParsePayload;
  readonly #options: SubmitterOptions;
  readonly #pendingMax: number;
  readonly #pending = new Map<number, Pending>();
  readonly #done = Promise.withResolvers<void>();
  #queue: Pending[] = [];
  #waiters: Waiter[] = [];
  #call: ReturnType<OpenSubmit> | undefined = undefined;
  #greeted = false;
  #writable = false;
  #flushDue = false;
  #finishing = false;
  #halfClosed = false;
  #over: Error | undefined = undefined;
  #retry: NodeJS.Timeout | undefined = undefined;
  /** Started as far as anybody knows, refused when asked for again: to be asked for once more. */
  #aside: Pending[] = [];
  #failures = 0;
  #lastRef = 0;

  constructor(open: OpenSubmit, parse: ParsePayload, options: SubmitterOptions) {
    this.#open = open;
    this.#parse = parse;
    this.#options = options;
    this.#pendingMax = options.pendingMax ?? PENDING_MAX_DEFAULT;
    if (!Number.isInteger(this.#pendingMax) || this.#pendingMax < 1 || this.#pendingMax > PENDING_MAX) {
      throw new RangeError(`pendingMax is ${this.#pendingMax}; it must be a whole number from 1 to ${PENDING_MAX}.`);
    }
    // Whoever does not call finish() must not die of its promise.
    this.#done.promise.catch(() => undefined);
    this.#connect();
  }

  get pending(): number {
    return this.#pending.size;
  }

  submit(runs: readonly RunRequest[]): number {
    if (this.#over !== undefined) throw this.#over;
    if (this.#finishing) throw new Error("submit() came after finish().");
    if (this.#pending.size + runs.length > this.#pendingMax) throw this.#full(runs.length);
    // All inputs are encoded before any is taken: a bad one leaves nothing behind.
    const inputs = runs.map((run) => encodePayload(run.input));
    const first = this.#lastRef + 1;
    for (const [index, { workflow, idempotencyKey = "", version = 0 }] of runs.entries()) {
      this.#lastRef += 1;
      const input = inputs[index] ?? encodePayload(undefined);
      const pending = {
        start: { ref: this.#lastRef, workflow, input, idempotencyKey, version },
        sent: false,
        runId: "",
      };
      this.#pending.set(pending.start.ref, pending);
      this.#queue.push(pending);
    }
    this.#schedule();
    return first;
  }

  room(count = 1): Promise<void> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    if (count > this.#pendingMax) return Promise.reject(this.#full(count));
    if (this.#pending.size + count <= this.#pendingMax) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ count, resolve, reject }));
  }

  finish(): Promise<void> {
    this.#finishing = true;
    this.#schedule();
    return this.#done.promise;
  }

  close(): void {
    this.#end(new Error("The submitter was closed."));
  }

  #connect(): void {
    const call = this.#open();
    this.#call = call;
    this.#greeted = false;
    this.#writable = true;
    this.#halfClosed = false;
    call.on("data", (frame: SubmitRunsResponse) => {
      if (this.#call === call) this.#answered(frame);
    });
    call.on("drain", () => {
      if (this.#call !== call) return;
      this.#writable = true;
      this.#flush();
    });
    call.on("error", (error: unknown) => {
      if (this.#call === call) this.#broke(error);
    });
    call.on("end", () => {
      if (this.#call === call) this.#ended();
    });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    setImmediate(() => {
      this.#flushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    const call = this.#call;
    if (call === undefined || this.#halfClosed) return;
    while (this.#writable && this.#queue.length > 0) {
      const answers = this.#greeted ? SubmitAnswers.UNSPECIFIED : WANTED[this.#options.answers ?? "both"];
      this.#greeted = true;
      this.#writable = call.write({ runs: this.#cut(), answers });
    }
    if (!this.#finishing || this.#queue.length > 0 || this.#aside.length > 0) return;
    this.#halfClosed = true;
    call.end();
  }

  /** The starts of the next frame. */
  #cut(): RunStart[] {
    const starts: RunStart[] = [];
    let bytes = 0;
    for (const pending of this.#queue) {
      bytes += START_OVERHEAD_BYTES + pending.start.input.length;
      if (starts.length === FRAME_RUNS_MAX || (starts.length > 0 && bytes > FRAME_BYTES_MAX)) break;
      pending.sent = true;
      starts.push(pending.start);
    }
    this.#queue = this.#queue.length === starts.length ? [] : this.#queue.slice(starts.length);
    return starts;
  }

  #answered({ started, ended }: SubmitRunsResponse): void {
    this.#failures = 0;
    const starts: StartAnswer[] = [];
    const unknown: UnknownOutcome[] = [];
    for (const answer of started) this.#startAnswer(answer, starts, unknown);
    const ends = ended.flatMap((answer) => this.#endAnswer(answer) ?? []);
    if (starts.length > 0) this.#options.onStarted?.(starts);
    if (ends.length > 0) this.#options.onEnded?.(ends);
    if (unknown.length > 0) this.#options.onUnknown?.(unknown);
    this.#letIn();
  }

  #startAnswer(
    { ref, runId, repeatedStart, error: refused }: RunStarted,
    starts: StartAnswer[],
    unknown: UnknownOutcome[],
  ): void {
    const pending = this.#pending.get(ref);
    // Answered before the stream broke, and again on the next one.
    if (pending === undefined || (pending.runId !== "" && pending.runId === runId)) return;
    const error = refused === undefined ? undefined : errorOfStart(refused);
    if (pending.runId !== "" && error !== undefined) {
      if (isPassing(error)) this.#setAside(pending, error.retryDelayMs);
      else if (this.#pending.delete(ref)) unknown.push({ ref, runId: pending.runId });
      return;
    }
    pending.runId = runId;
    if (error !== undefined || this.#options.answers === "starts") this.#pending.delete(ref);
    starts.push({ ref, runId, repeated: repeatedStart, error });
  }

  /** To be sent again after the delay; by the next stream, if this one is closed from here. */
  #setAside(pending: Pending, delayMs: number): void {
    if (this.#halfClosed) return;
    if (this.#aside.push(pending) > 1) return;
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#sendAside(), delayMs + backoffMs(this.#failures, randomInt(2 ** 32)));
  }

  #sendAside(): void {
    this.#queue.push(...this.#aside);
    this.#aside = [];
    this.#schedule();
  }

  #endAnswer(end: WireEnd): EndAnswer | undefined {
    return this.#pending.delete(end.ref) ? { ref: end.ref, ...runEndOf(end, this.#parse) } : undefined;
  }

  #letIn(): void {
    while (this.#waiters.length > 0) {
      const waiter = this.#waiters[0];
      if (waiter === undefined || this.#pending.size + waiter.count > this.#pendingMax) return;
      this.#waiters.shift();
      waiter.resolve();
    }
  }

  /** The server ended the stream in order: everything was answered, or it is about to stop. */
  #ended(): void {
    if (this.#halfClosed && this.#pending.size === 0) this.#end(undefined);
    else this.#again(0);
  }

  #broke(thrown: unknown): void {
    if (!isFailedCall(thrown)) throw thrown;
    const error = errorOfCall(thrown);
    if (isPassing(error) || error.code === "CANCELLED") this.#again(error.retryDelayMs);
    else this.#end(error);
  }

  /** On to the next stream, with what can be asked for again. */
  #again(delayMs: number): void {
    this.#call = undefined;
    this.#failures += 1;
    clearTimeout(this.#retry);
    this.#aside = [];
    const unknown: UnknownOutcome[] = [];
    const queue: Pending[] = [];
    for (const [ref, pending] of this.#pending) {
      if (!pending.sent || pending.start.idempotencyKey !== "") {
        pending.sent = false;
        queue.push(pending);
      } else {
        this.#pending.delete(ref);
        unknown.push({ ref, runId: pending.runId });
      }
    }
    this.#queue = queue;
    if (unknown.length > 0) this.#options.onUnknown?.(unknown);
    if (this.#over !== undefined) return;
    if (this.#finishing && this.#pending.size === 0) {
      this.#end(undefined);
      return;
    }
    this.#letIn();
    this.#retry = setTimeout(() => this.#connect(), delayMs + backoffMs(this.#failures, randomInt(2 ** 32)));
  }

  #end(error: Error | undefined): void {
    if (this.#over !== undefined) return;
    this.#over = error ?? new Error("The submitter has finished.");
    clearTimeout(this.#retry);
    const call = this.#call;
    this.#call = undefined;
    call?.cancel();
    const unknown = Array.from(this.#pending.values(), ({ start, runId }) => ({ ref: start.ref, runId }));
    this.#pending.clear();
    if (unknown.length > 0) this.#options.onUnknown?.(unknown);
    for (const waiter of this.#waiters) waiter.reject(this.#over);
    if (error === undefined) this.#done.resolve();
    else this.#done.reject(error);
  }

  #full(count: number): MillraceError {
    return new MillraceError({
      code: "RESOURCE_EXHAUSTED",
      reason: "",
      message: `${count} runs on top of ${this.#pending.size} pending ones are more than pendingMax, ${this.#pendingMax}.`,
      fix: "Await room() before submit().",
      violations: [],
      retryDelayMs: 0,
    });
  }
}

/** Whether the same request may succeed later. */
function isPassing({ code }: MillraceError): boolean {
  return code === "UNAVAILABLE" || code === "RESOURCE_EXHAUSTED";
}
