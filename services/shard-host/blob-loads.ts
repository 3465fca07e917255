// Brings the texts of blobs that runs asked for. It owns who waits for which; when a run's texts are there, the turn loop
// takes its `advance` from here, ahead of the mailbox.
//
// 1. A run has one load at a time: from `order` until its `advance` is taken, what else it asks for is passed over. That
//    `advance` looks at everything there is to do and asks again for what is still missing.
// 2. LOADS_MAX loads hold texts at a time (I9), tenants in turn (I7); the others are references.
// 3. A blob that is gone or damaged ends the load, and the run is told. One that cannot be read now is tried again, and
//    takes no other load's place meanwhile.
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import { FairQueue } from "@millrace/core/fairness/fair-queue.ts";
import type { RunId, TenantId } from "@millrace/model/ids.ts";
import type { BlobRef, Json } from "@millrace/model/payload.ts";
import type { AdvanceRun } from "@millrace/model/run-commands.ts";
import type { BlobTexts } from "./blob-texts.ts";
import { LOADS_MAX } from "./limits.ts";

/** How long to wait before blobs that could not be read are tried again: the first time, and doubled each time up to. */
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 30_000;
/** Tenants take turns load by load. */
const QUANTUM = 1;

interface Load {
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly blobs: readonly BlobRef[];
  readonly texts: [BlobRef, Json][];
  readonly lost: BlobRef[];
}

/** Who hears of loads. */
export interface LoadListener {
  /** There is something to take. */
  ready(): void;
  /** Some blob cannot be read now. Told once for all that fail until they are tried again. */
  unreadable(reason: string): void;
}

const NOBODY: LoadListener = { ready() {}, unreadable() {} };

export class BlobLoads {
  readonly #texts: BlobTexts;
  readonly #clock: Clock;
  readonly #waiting = new FairQueue<Load>(QUANTUM);
  /** Runs that have a load. */
  readonly #runs = new Set<RunId>();
  /** Loads that are over, and not taken. */
  readonly #over: Load[] = [];
  /** Loads under way or over. */
  #busy = 0;
  /** Loads that could not be read, until they are tried again. */
  #failed: Load[] = [];
  #retry: CancelTimer | null = null;
  #retryMs = RETRY_MS;
  #listener = NOBODY;
  #ended = false;

  constructor(texts: BlobTexts, clock: Clock) {
    this.#texts = texts;
    this.#clock = clock;
  }

  /** Whether there is something to take. */
  get ready(): boolean {
    return this.#over.length > 0;
  }

  listen(listener: LoadListener): void {
    this.#listener = listener;
  }

  /** Brings texts for a run that has no load. */
  order({ runId, tenant }: { readonly runId: RunId; readonly tenant: TenantId }, blobs: readonly BlobRef[]): void {
    if (this.#runs.has(runId)) return;
    this.#runs.add(runId);
    this.#waiting.push(tenant, { runId, tenant, blobs, texts: [], lost: [] });
    this.#begin();
  }

  /** The `advance` of a run whose load is over. Its texts are kept for it until others are taken. */
  take(): AdvanceRun | undefined {
    const load = this.ready ? this.#over.shift() : undefined;
    if (load === undefined) return undefined;
    const { runId, tenant, lost } = load;
    for (const [ref, text] of load.texts) this.#texts.keep(ref, text);
    this.#runs.delete(runId);
    this.#busy--;
    this.#begin();
    return { type: "advance", tenant, runId, lost };
  }

  /** Nobody will take anything any more. */
  end(): void {
    this.#ended = true;
    this.#retry?.();
    this.#over.length = 0;
  }

  #begin(): void {
    while (this.#busy < LOADS_MAX) {
      const load = this.#waiting.take();
      if (load === undefined) return;
      this.#busy++;
      this.#read(load).then(
        () => this.#done(load),
        (error: unknown) => this.#fail(load, error),
      );
    }
  }

  async #read({ runId, blobs, texts, lost }: Load): Promise<void> {
    for (const ref of blobs) {
      const text = await this.#texts.read(runId, ref);
      if (text === undefined) lost.push(ref);
      else texts.push([ref, text]);
    }
  }

  #done(load: Load): void {
    if (this.#ended) return;
    this.#retryMs = RETRY_MS;
    this.#over.push(load);
    this.#listener.ready();
  }

  #fail(load: Load, error: unknown): void {
    if (this.#ended) return;
    load.texts.length = 0;
    load.lost.length = 0;
    this.#failed.push(load);
    this.#busy--;
    if (this.#retry === null) {
      this.#listener.unreadable(error instanceof Error ? error.message : String(error));
      this.#retry = this.#clock.after(this.#retryMs, () => this.#tryAgain());
      this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
    }
    this.#begin();
  }

  #tryAgain(): void {
    this.#retry = null;
    const failed = this.#failed;
    this.#failed = [];
    for (const load of failed) this.#waiting.push(load.tenant, load);
    this.#begin();
  }
}
