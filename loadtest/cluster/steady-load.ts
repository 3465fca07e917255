// The callers: a fixed number of new runs a second, whatever the cluster does. Keeps its own account of what it was told:
// which runs are durable, which have ended, and how long each caller waited to hear that its run is durable.
import { randomUUID } from "node:crypto";
import type { Client } from "@millrace/sdk/client/client.ts";
import type { EndAnswer, RunRequest, StartAnswer, Submitter } from "@millrace/sdk/client/submitter.ts";

/** Callers come in small groups, often: the rate is steady also within a second. */
const TICK_MS = 50;

/** Unanswered and unended runs: what comes in a minute without any answer. Beyond, callers stay away. */
const PENDING_MAX = 2_000;

/** More than the whole story takes, were each of its steps as slow as it may be. */
const RUNS_MAX = 50_000;

export interface SteadyLoadOptions {
  readonly client: Client;
  readonly perSecond: number;
  /** The n-th run, from 1. */
  readonly request: (n: number) => RunRequest;
}

interface Wanted {
  readonly request: RunRequest;
  readonly sinceMs: number;
}

/** A caller that heard that its run is durable. */
interface Answered {
  readonly sinceMs: number;
  readonly untilMs: number;
}

export class SteadyLoad {
  readonly #options: SteadyLoadOptions;
  readonly #submitter: Submitter;
  readonly #timer: NodeJS.Timeout;
  readonly #prefix = randomUUID();
  readonly #startMs = performance.now();
  /** Not answered, by ref, oldest first. */
  readonly #wanted = new Map<number, Wanted>();
  /** Refused, to be asked for again with the same key. */
  readonly #again: Wanted[] = [];
  readonly #durable: string[] = [];
  /** Durable and not ended. */
  readonly #running = new Set<string>();
  readonly #answered: Answered[] = [];
  #asked = 0;
  #ended = 0;
  #stopping = false;

  /** Begins at once. */
  constructor(options: SteadyLoadOptions) {
    this.#options = options;
    this.#submitter = options.client.submitter({
      pendingMax: PENDING_MAX,
      onStarted: (batch) => this.#heardStarts(batch),
      onEnded: (batch) => this.#heardEnds(batch),
    });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Runs that callers were told are durable. */
  get started(): number {
    return this.#durable.length;
  }

  /** Their IDs. */
  get durable(): readonly string[] {
    return this.#durable;
  }

  /** … of which they were told the end. */
  get ended(): number {
    return this.#ended;
  }

  /** How long callers waited, in all, that had no answer yet at some time of a span; ascending. */
  waitsMs(fromMs: number, toMs: number): readonly number[] {
    return this.#answered
      .filter(({ sinceMs, untilMs }) => sinceMs < toMs && untilMs > fromMs)
      .map(({ sinceMs, untilMs }) => untilMs - sinceMs)
      .sort((left, right) => left - right);
  }

  /** The longest that anybody has waited who still waits, or was answered since then. */
  longestWaitMs(answeredFromMs: number): number {
    const nowMs = performance.now();
    let longestMs = 0;
    for (const { sinceMs, untilMs } of this.#answered)
      if (untilMs >= answeredFromMs) longestMs = Math.max(longestMs, untilMs - sinceMs);
    for (const { sinceMs } of this.#unanswered()) longestMs = Math.max(longestMs, nowMs - sinceMs);
    return longestMs;
  }

  /** Whether every caller that came before then has its answer. */
  answeredBefore(untilMs: number): boolean {
    return this.#unanswered().every(({ sinceMs }) => sinceMs >= untilMs);
  }

  /** No caller comes any more; what they asked for goes on. */
  stop(): void {
    this.#stopping = true;
  }

  /** Whether everybody has heard of everything. */
  get isQuiet(): boolean {
    return this.#stopping && this.#wanted.size + this.#again.length === 0 && this.#running.size === 0;
  }

  /** Drops what is not answered. */
  close(): void {
    clearInterval(this.#timer);
    this.#submitter.close();
  }

  #unanswered(): readonly Wanted[] {
    return [...this.#wanted.values(), ...this.#again];
  }

  #tick(): void {
    const nowMs = performance.now();
    const again = this.#again.splice(0);
    const due =
      Math.min(Math.floor(((nowMs - this.#startMs) * this.#options.perSecond) / 1000), RUNS_MAX) - this.#asked;
    const room = PENDING_MAX - this.#submitter.pending - again.length;
    const fresh: Wanted[] = [];
    while (!this.#stopping && fresh.length < Math.min(due, room)) fresh.push(this.#next(nowMs));
    const wanted = [...again, ...fresh];
    if (wanted.length === 0) return;
    const first = this.#submitter.submit(wanted.map(({ request }) => request));
    for (const [index, each] of wanted.entries()) this.#wanted.set(first + index, each);
  }

  #next(nowMs: number): Wanted {
    this.#asked += 1;
    const request = { ...this.#options.request(this.#asked), idempotencyKey: `${this.#prefix}-${this.#asked}` };
    return { request, sinceMs: nowMs };
  }

  #heardStarts(batch: readonly StartAnswer[]): void {
    for (const { ref, runId, error } of batch) {
      const wanted = this.#wanted.get(ref);
      if (wanted === undefined) continue;
      this.#wanted.delete(ref);
      if (error !== undefined) {
        this.#again.push(wanted);
        continue;
      }
      this.#durable.push(runId);
      this.#running.add(runId);
      this.#answered.push({ sinceMs: wanted.sinceMs, untilMs: performance.now() });
    }
  }

  #heardEnds(batch: readonly EndAnswer[]): void {
    for (const { runId } of batch) {
      if (!this.#running.delete(runId)) continue;
      this.#ended += 1;
    }
  }
}
