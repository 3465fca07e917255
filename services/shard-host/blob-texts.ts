// The texts of blobs that expressions read: those read last are kept, since the items of a `forEach` read the same ones.
import { BlobDamaged, type Blobs } from "@millrace/blobs/blobs.ts";
import type { RunId } from "@millrace/model/ids.ts";
import { type BlobRef, type Json, json } from "@millrace/model/payload.ts";
import { BLOB_TEXT_BYTES_MAX } from "./limits.ts";

export class BlobTexts {
  /** By content: the same in two runs is kept once. The first is dropped first. */
  readonly #texts = new Map<string, { readonly text: Json; readonly bytes: number }>();
  #bytes = 0;
  readonly #blobs: Blobs;

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  /** A text that is kept. */
  readonly text = (ref: BlobRef): Json | undefined => this.#texts.get(ref.sha256)?.text;

  /** Reads a text unless it is kept; undefined = it is gone or damaged. Rejects if it cannot be read now. */
  async read(runId: RunId, ref: BlobRef): Promise<Json | undefined> {
    const kept = this.text(ref);
    if (kept !== undefined) return kept;
    try {
      const bytes = await this.#blobs.get(runId, ref);
      if (bytes === undefined) return undefined;
      return json(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
    } catch (error: unknown) {
      if (error instanceof BlobDamaged) return undefined;
      throw error;
    }
  }

  /** Keeps a text, and drops others if it has to. */
  keep({ sha256, bytes }: BlobRef, text: Json): void {
    this.#drop(sha256);
    this.#texts.set(sha256, { text, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#texts.keys()) {
      if (this.#bytes <= BLOB_TEXT_BYTES_MAX) return;
      this.#drop(oldest);
    }
  }

  #drop(sha256: string): void {
    this.#bytes -= this.#texts.get(sha256)?.bytes ?? 0;
    this.#texts.delete(sha256);
  }
}
