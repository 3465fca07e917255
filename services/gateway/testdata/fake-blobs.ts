import { hash } from "node:crypto";
import { BlobDamaged, type Blobs, BlobsFull } from "@millrace/blobs/blobs.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { BlobRef } from "@millrace/model/payload.ts";

/** Blobs in memory, for the gateway's own tests. */
export class FakeBlobs implements Blobs {
  readonly stored = new Map<string, Uint8Array>();
  full = false;
  damaged = false;

  async put(runId: RunId, bytes: Uint8Array): Promise<BlobRef> {
    if (this.full) throw new BlobsFull("no room");
    const sha256 = hash("sha256", bytes);
    this.stored.set(`${runId}/${sha256}`, bytes);
    return { sha256, bytes: bytes.length };
  }

  async get(runId: RunId, ref: BlobRef): Promise<Uint8Array | undefined> {
    if (this.damaged) throw new BlobDamaged(`blob ${ref.sha256} holds other bytes`);
    return this.stored.get(`${runId}/${ref.sha256}`);
  }

  async drop(): Promise<void> {
    this.stored.clear();
  }

  async owners(): Promise<void> {}

  async close(): Promise<void> {}
}
