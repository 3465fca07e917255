// Forgets what is past retention: ended runs and keys by whole periods, and the blobs of runs that are gone. Blobs are
// stored before the command that names them, so those of a start that never came are swept here, too.
import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import { isRunId } from "@millrace/core/run-id.ts";
import type { RunId } from "@millrace/model/ids.ts";

/** What is retained here. */
export interface RetainedShards {
  /** Drops what is past retention at `nowMs`. */
  retain(nowMs: number): Promise<void>;
  /** Whether there is such a run; undefined = cannot be said here and now. */
  knows(runId: RunId): boolean | undefined;
}

export interface RetentionParts {
  readonly shards: RetainedShards;
  readonly blobs: Blobs;
  readonly clock: Clock;
  /** A sweep did not get through; the next one tries again. */
  readonly failed: (error: unknown) => void;
}

/** Periods are days, so an hour is soon enough. */
const EVERY_MS = 60 * 60 * 1000;
/** A blob younger than this may belong to a command on its way: far more than any call's deadline. */
const BLOB_AGE_MS_MIN = 24 * 60 * 60 * 1000;

export class Retention {
  readonly #parts: RetentionParts;
  #timer: CancelTimer | null = null;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    this.#order();
  }

  /** Forgets what is past retention now. Rejects with what store or blobs say; what was not forgotten is next time. */
  async sweep(): Promise<void> {
    const { shards, blobs, clock } = this.#parts;
    const nowMs = clock.nowMs();
    await shards.retain(nowMs);
    const orphans: RunId[] = [];
    await blobs.owners((runId, newestMs) => {
      if (nowMs - newestMs < BLOB_AGE_MS_MIN) return;
      if (!isRunId(runId) || shards.knows(runId) === false) orphans.push(runId);
    });
    for (const runId of orphans) await blobs.drop(runId);
  }

  /** Orders no more sweeps and waits for the one under way. */
  stop(): Promise<void> {
    this.#timer?.();
    return this.#sweeping;
  }

  #order(): void {
    this.#timer = this.#parts.clock.after(EVERY_MS, () => {
      this.#sweeping = this.sweep().catch((error: unknown) => this.#parts.failed(error));
      void this.#sweeping.then(() => this.#order());
    });
  }
}
