// The port of the blob store: payloads too large for events, named by the run they belong to and their content.
import type { RunId } from "@millrace/model/ids.ts";
import type { BlobRef } from "@millrace/model/payload.ts";

export interface Blobs {
  /** Stores the bytes durably under (run, SHA-256). Storing the same twice is the same as once. Rejects with {@link BlobsFull}. */
  put(runId: RunId, bytes: Uint8Array): Promise<BlobRef>;
  /** The bytes, checked against their hash; undefined = no such blob. Rejects with {@link BlobDamaged}. */
  get(runId: RunId, ref: BlobRef): Promise<Uint8Array | undefined>;
  /** Removes everything a run owns. */
  drop(runId: RunId): Promise<void>;
  /** Visits every run that owns blobs, and when its newest was written, for the sweep of orphans. */
  owners(visit: (runId: RunId, newestMs: number) => void): Promise<void>;
  close(): Promise<void>;
}

/** There is no room for the blob; nothing was stored. */
export class BlobsFull extends Error {
  override readonly name = "BlobsFull";
}

/** The stored bytes do not match their name. */
export class BlobDamaged extends Error {
  override readonly name = "BlobDamaged";
}
