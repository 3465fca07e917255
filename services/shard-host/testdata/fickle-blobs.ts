import { BlobDamaged, type Blobs } from "@millrace/blobs/blobs.ts";
import { openMemoryBlobs } from "@millrace/blobs/memory/memory-blobs.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { BlobRef } from "@millrace/model/payload.ts";

/** Blobs in memory that are slow, unreadable or damaged when a test says so. Those that were never put are gone. */
export class FickleBlobs implements Blobs {
  isUnreadable = false;
  isDamaged = false;
  /** Whether reads wait for `release`. */
  isHeld = false;
  /** Every run for which a blob was read, in order. */
  readonly reads: RunId[] = [];
  readonly #kept = openMemoryBlobs();
  #held: (() => void)[] = [];

  /** How many reads wait. */
  get held(): number {
    return this.#held.length;
  }

  /** Lets the reads that wait go on. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const goOn of held) goOn();
  }

  /** Stores a JSON value under the run. */
  async putJson(runId: RunId, value: unknown): Promise<BlobRef> {
    return await this.put(runId, Buffer.from(JSON.stringify(value)));
  }

  async put(runId: RunId, bytes: Uint8Array): Promise<BlobRef> {
    return await this.#kept.put(runId, bytes);
  }

  async get(runId: RunId, ref: BlobRef): Promise<Uint8Array | undefined> {
    this.reads.push(runId);
    if (this.isHeld) await new Promise<void>((resolve) => this.#held.push(resolve));
    if (this.isUnreadable) throw new Error("I/O error");
    if (this.isDamaged) throw new BlobDamaged("other bytes");
    return await this.#kept.get(runId, ref);
  }

  async drop(runId: RunId): Promise<void> {
    await this.#kept.drop(runId);
  }

  async owners(visit: (runId: RunId, newestMs: number) => void): Promise<void> {
    await this.#kept.owners(visit);
  }

  async close(): Promise<void> {
    await this.#kept.close();
  }
}
