// Puts frames together that came in parts.
import type { FramePart } from "@millrace/rpc/generated/millrace/internal/v1/link.ts";
import { FRAME_BYTES_MAX } from "../limits.ts";

export class Assembly {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /**
   * Takes the next part. Returns the whole frame with its last one, `more` until then, and `broken` for a part that does
   * not belong behind the one before, or is too much (I9).
   */
  add({ index, count, data }: FramePart): Uint8Array | "more" | "broken" {
    if (index !== this.#parts.length || index >= count || this.#bytes + data.length > FRAME_BYTES_MAX) {
      this.clear();
      return "broken";
    }
    this.#parts.push(data);
    this.#bytes += data.length;
    if (index + 1 < count) return "more";
    const whole = Buffer.concat(this.#parts, this.#bytes);
    this.clear();
    return whole;
  }

  /** Whether parts are missing. */
  get isOpen(): boolean {
    return this.#parts.length > 0;
  }

  clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }
}
