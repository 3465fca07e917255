// The blob store as a process sees it: slow, unreadable for a while, or without a blob that was there.
import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { BlobRef } from "@millrace/model/payload.ts";

/** What becomes of a read, and how long it takes. */
export interface BlobFate {
  readonly type: "read" | "unreadable" | "lost";
  readonly delayMs: number;
}

export interface BlobTap {
  reading(runId: RunId, ref: BlobRef): BlobFate;
}

export class TappedBlobs implements Blobs {
  readonly #inner: Blobs;
  readonly #tap: BlobTap;
  readonly #clock: Clock;

  constructor(inner: Blobs, tap: BlobTap, clock: Clock) {
    this.#inner = inner;
    this.#tap = tap;
    this.#clock = clock;
  }

  put(runId: RunId, bytes: Uint8Array): Promise<BlobRef> {
    return this.#inner.put(runId, bytes);
  }

  async get(runId: RunId, ref: BlobRef): Promise<Uint8Array | undefined> {
    const { type, delayMs } = this.#tap.reading(runId, ref);
    if (delayMs > 0) await new Promise<void>((resolve) => this.#clock.after(delayMs, resolve));
    if (type === "unreadable") throw new Error("The blob cannot be read, on demand.");
    return type === "lost" ? undefined : await this.#inner.get(runId, ref);
  }

  drop(runId: RunId): Promise<void> {
    return this.#inner.drop(runId);
  }

  owners(visit: (runId: RunId, newestMs: number) => void): Promise<void> {
    return this.#inner.owners(visit);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
