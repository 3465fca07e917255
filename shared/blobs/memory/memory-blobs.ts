import { hash } from "node:crypto";
import type { RunId } from "@millrace/model/ids.ts";
import type { BlobRef } from "@millrace/model/payload.ts";
import { type Blobs, BlobsFull } from "../blobs.ts";

export interface MemoryBlobsOptions {
  /** Room for blobs, in bytes. Default 1 GiB. */
  readonly bytesMax?: number;
  /** Epoch ms, for `owners`. Default the system's clock. */
  readonly nowMs?: () => number;
}

const BYTES_MAX = 1024 * 1024 * 1024;

interface Owned {
  newestMs: number;
  readonly blobs: Map<string, Uint8Array>;
}

/** Opens a blob store in memory. What is put is as durable as the object: hand it to the next process of a simulation. */
export function openMemoryBlobs(options: MemoryBlobsOptions = {}): Blobs {
  return new MemoryBlobs(options);
}

class MemoryBlobs implements Blobs {
  readonly #bytesMax: number;
  readonly #nowMs: () => number;
  readonly #runs = new Map<RunId, Owned>();
  #bytes = 0;

  constructor(options: MemoryBlobsOptions) {
    this.#bytesMax = options.bytesMax ?? BYTES_MAX;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  async put(runId: RunId, bytes: Uint8Array): Promise<BlobRef> {
    const ref = { sha256: hash("sha256", bytes, "hex"), bytes: bytes.length };
    const owned = this.#runs.get(runId);
    if (owned?.blobs.has(ref.sha256) !== true) {
      if (this.#bytes + bytes.length > this.#bytesMax) {
        throw new BlobsFull(
          `no room for a blob of ${bytes.length} bytes: ${this.#bytes} of ${this.#bytesMax} are taken`,
        );
      }
      this.#bytes += bytes.length;
      const blobs = owned?.blobs ?? new Map<string, Uint8Array>();
      blobs.set(ref.sha256, Uint8Array.from(bytes));
      this.#runs.set(runId, { newestMs: this.#nowMs(), blobs });
    }
    return await Promise.resolve(ref);
  }

  async get(runId: RunId, ref: BlobRef): Promise<Uint8Array | undefined> {
    return await Promise.resolve(this.#runs.get(runId)?.blobs.get(ref.sha256));
  }

  async drop(runId: RunId): Promise<void> {
    for (const bytes of this.#runs.get(runId)?.blobs.values() ?? []) this.#bytes -= bytes.length;
    this.#runs.delete(runId);
    await Promise.resolve();
  }

  async owners(visit: (runId: RunId, newestMs: number) => void): Promise<void> {
    for (const [runId, { newestMs }] of [...this.#runs]) visit(runId, newestMs);
    await Promise.resolve();
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}
