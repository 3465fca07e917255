// A window that moves over a segment, so that a segment of any size is read with bounded memory and few reads.
import { RECORD_BYTES_MAX } from "../journal.ts";
import type { DiskFile } from "./disk.ts";

/** Several times the largest record, so that little is copied when the window moves; one read of it takes about 1 ms. */
const WINDOW_BYTES = 4 * 1024 * 1024;

export class SegmentWindow {
  readonly #file: DiskFile;
  readonly #fileBytes: number;
  readonly #buffer: Buffer;
  #start = 0;
  #bytes: Buffer;

  constructor(file: DiskFile, fileBytes: number) {
    this.#file = file;
    this.#fileBytes = fileBytes;
    this.#buffer = Buffer.allocUnsafe(Math.min(fileBytes, WINDOW_BYTES));
    this.#bytes = this.#buffer.subarray(0, 0);
  }

  /** Offset in the file of the first byte of {@link bytes}. */
  get start(): number {
    return this.#start;
  }

  /** Valid until the next {@link move}. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Offset in the file behind {@link bytes}. */
  get end(): number {
    return this.#start + this.#bytes.length;
  }

  /** Whether it reaches the end of the file. */
  get isLast(): boolean {
    return this.end === this.#fileBytes;
  }

  /** Whether all of a record that begins at `offset` is within the window. */
  covers(offset: number): boolean {
    return offset >= this.#start && (this.isLast || offset + RECORD_BYTES_MAX <= this.end);
  }

  /** Moves the window forwards to begin at `offset`. */
  async move(offset: number): Promise<void> {
    const kept = this.#bytes.subarray(Math.min(offset - this.#start, this.#bytes.length));
    this.#buffer.set(kept);
    const wanted = Math.min(this.#buffer.length, this.#fileBytes - offset);
    const read = await this.#file.read(this.#buffer.subarray(kept.length, wanted), offset + kept.length);
    this.#start = offset;
    this.#bytes = this.#buffer.subarray(0, kept.length + read);
    if (this.#bytes.length < wanted) throw new Error(`A segment of ${this.#fileBytes} bytes could not be read whole.`);
  }
}
