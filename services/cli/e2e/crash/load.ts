// The client of the crash tests: keeps a fixed number of runs on their way, and keeps its own account of what the server
// said. Starts go over one submit stream; what was not answered when a server died is asked for again with the same key.
import { appendFileSync } from "node:fs";
import { setTimeout as passed } from "node:timers/promises";
import type { Prng } from "@millrace/clock/prng.ts";
import type { Client } from "@millrace/sdk/client/client.ts";
import { MillraceError } from "@millrace/sdk/client/millrace-error.ts";
import type { EndAnswer, StartAnswer, Submitter } from "@millrace/sdk/client/submitter.ts";
import { CRASH_WORKFLOWS, type CrashWorkflow } from "./workflows.ts";

/** Runs submitted at once: small, so that starts are always on their way. */
const BATCH = 5;

/** A line of the client's log. */
export type ClientLine =
  | { readonly type: "submitted"; readonly key: string; readonly workflow: string; readonly order: number }
  /** The server promised that the run is durable. */
  | { readonly type: "started"; readonly key: string; readonly runId: string }
  | { readonly type: "signalled"; readonly key: string; readonly runId: string }
  | { readonly type: "ended"; readonly key: string; readonly end: EndLine };

export interface EndLine {
  readonly runId: string;
  readonly status: string;
  readonly output: unknown;
  readonly endMs: number;
}

interface Wanted {
  readonly key: string;
  readonly workflow: CrashWorkflow;
  readonly order: number;
}

export interface LoadOptions {
  readonly client: Client;
  readonly prng: Prng;
  /** Where to log. */
  readonly log: string;
  /** Runs on their way. */
  readonly inFlight: number;
  /** What to run. @default all of them */
  readonly workflows?: readonly CrashWorkflow[];
}

export class Load {
  readonly #options: LoadOptions;
  readonly #submitter: Submitter;
  readonly #wanted = new Map<number, Wanted>();
  readonly #signals: Promise<void>[] = [];
  readonly #deck: readonly CrashWorkflow[];
  readonly #refusals: MillraceError[] = [];
  /** Refused, to be asked for again. */
  readonly #refused: Wanted[] = [];
  #retryMs = 0;
  #unanswered = 0;
  readonly #submitting: Promise<void>;
  #waiting: { readonly ended: number; readonly resolve: () => void }[] = [];
  #stopping = false;
  #order = 0;
  #ended = 0;

  /** Starts at once. */
  constructor(options: LoadOptions) {
    this.#options = options;
    const { workflows = CRASH_WORKFLOWS } = options;
    this.#deck = workflows.flatMap((workflow) => Array<CrashWorkflow>(workflow.weight).fill(workflow));
    this.#submitter = options.client.submitter({
      answers: "both",
      pendingMax: options.inFlight,
      onStarted: (batch) => this.#started(batch),
      onEnded: (batch) => this.#endedNow(batch),
    });
    this.#submitting = this.#submit();
  }

  /** Runs of which the client was told the end. */
  get ended(): number {
    return this.#ended;
  }

  /** Starts that were refused: none should be, unless a test takes care that there is no room. */
  get refusals(): readonly MillraceError[] {
    return this.#refusals;
  }

  /** Resolves when `more` further runs have ended. */
  endedMore(more: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ ended: this.#ended + more, resolve }));
  }

  /** Submits nothing more; resolves when every run was answered and has ended, and every signal was taken. */
  async finish(): Promise<void> {
    this.#stopping = true;
    await this.#submitting;
    await this.#submitter.finish();
    await Promise.all(this.#signals);
  }

  async #submit(): Promise<void> {
    while (!this.#stopping || this.#unanswered > 0) {
      const batch = await this.#batch();
      this.#log(batch.map(({ key, workflow: { name }, order }) => ({ type: "submitted", key, workflow: name, order })));
      const requests = batch.map(({ key, workflow: { name }, order }) => ({
        workflow: name,
        input: { order },
        idempotencyKey: key,
      }));
      const first = this.#submitter.submit(requests);
      for (const [index, wanted] of batch.entries()) this.#wanted.set(first + index, wanted);
    }
  }

  /** What to submit next, once there is room: what was refused, when its delay is over, or something new. */
  async #batch(): Promise<Wanted[]> {
    if (this.#stopping || this.#refused.length > 0) await passed(Math.max(10, this.#retryMs));
    const batch = this.#refused.splice(0, BATCH);
    if (!this.#stopping && batch.length === 0) for (let more = 0; more < BATCH; more++) batch.push(this.#next());
    await this.#submitter.room(batch.length);
    return batch;
  }

  #next(): Wanted {
    const workflow = this.#deck[this.#options.prng.below(this.#deck.length)];
    if (workflow === undefined) throw new Error("There is no such workflow.");
    this.#order += 1;
    this.#unanswered += 1;
    return { key: `key-${this.#order}`, workflow, order: this.#order };
  }

  #started(batch: readonly StartAnswer[]): void {
    const lines: ClientLine[] = [];
    for (const { ref, runId, error } of batch) {
      const wanted = this.#of(ref);
      const { key, workflow } = wanted;
      if (error !== undefined) {
        this.#refusals.push(error);
        this.#refused.push(wanted);
        this.#retryMs = error.retryDelayMs;
        continue;
      }
      this.#retryMs = 0;
      this.#unanswered -= 1;
      lines.push({ type: "started", key, runId });
      if (workflow.wantsSignal) this.#signals.push(this.#signal(key, runId));
    }
    this.#log(lines);
  }

  #endedNow(batch: readonly EndAnswer[]): void {
    this.#log(
      batch.map(({ ref, runId, status, output, endTime }) => {
        const end = { runId, status, output, endMs: endTime.getTime() };
        return { type: "ended", key: this.#of(ref).key, end };
      }),
    );
    this.#ended += batch.length;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ ended }) => ended > this.#ended);
    for (const { ended, resolve } of waiting) if (ended <= this.#ended) resolve();
  }

  /** Signals until it is taken: between servers no call gets an answer. */
  async #signal(key: string, runId: string): Promise<void> {
    for (;;) {
      try {
        await this.#options.client.signalRun(runId, "go", { key }, key);
        this.#log([{ type: "signalled", key, runId }]);
        return;
      } catch (error: unknown) {
        // Taken by a server that died before it could say so, and the run has ended since.
        if (error instanceof MillraceError && error.code === "FAILED_PRECONDITION") return;
        if (!isPassing(error)) throw error;
        await passed(50);
      }
    }
  }

  #of(ref: number): Wanted {
    const wanted = this.#wanted.get(ref);
    if (wanted === undefined) throw new Error(`The server answered ${ref}, which nobody asked.`);
    return wanted;
  }

  #log(lines: readonly ClientLine[]): void {
    if (lines.length > 0) appendFileSync(this.#options.log, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }
}

/** Whether a call failed because there is no server just now. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof MillraceError)) return false;
  return ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "CANCELLED"].includes(error.code);
}
