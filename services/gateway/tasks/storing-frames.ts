// One worker's frames whose outputs must become blobs before their results may be reported. On a full disk they wait here
// and are tried again, ever more slowly, while the stream goes on: other frames are reported and heartbeats heard.
//
// 1. A frame is reported when all its outputs are stored, and not before (I1).
// 2. A stream may have one frame here whatever happens; more only while there is room for all streams together (I9).
import { type Blobs, BlobsFull } from "@millrace/blobs/blobs.ts";
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import type { LargeResult } from "./read-result.ts";
import type { ReportedResult } from "./worker-link.ts";

/** Outputs of all streams that are here: above it a stream is read on only when it has none. As much as one SDK worker keeps. */
const STORING_BYTES_MAX = 64 * 1024 * 1024;

/** The wait before a full disk is tried again; it doubles up to the second. */
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 4_000;

/** The room that all streams of a gateway share. */
export class StoringRoom {
  #bytes = 0;

  get full(): boolean {
    return this.#bytes >= STORING_BYTES_MAX;
  }

  /** Bytes came; below 0, went. */
  add(bytes: number): void {
    this.#bytes += bytes;
  }
}

export interface StoringPorts {
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly storing: StoringRoom;
}

/** Whose frames they are. */
export interface StoringOwner {
  /** All outputs of the frame are stored. */
  stored(frame: number, results: readonly ReportedResult[]): void;
  /** The store is broken, which waiting does not mend. */
  broken(error: unknown): void;
}

interface Frame {
  readonly number: number;
  readonly results: ReportedResult[];
  /** Results whose outputs are not stored yet. */
  left: readonly LargeResult[];
  readonly bytes: number;
  retryMs: number;
  cancelRetry: CancelTimer;
}

export class StoringFrames {
  readonly #ports: StoringPorts;
  readonly #owner: StoringOwner;
  readonly #frames = new Set<Frame>();
  #over = false;

  constructor(ports: StoringPorts, owner: StoringOwner) {
    this.#ports = ports;
    this.#owner = owner;
  }

  get empty(): boolean {
    return this.#frames.size === 0;
  }

  /** Whether no more frames are to be read; look again when one is `stored`. */
  get full(): boolean {
    return !this.empty && this.#ports.storing.full;
  }

  /** Stores the outputs of `large`, and hands them over together with `results`. */
  add(number: number, results: ReportedResult[], large: readonly LargeResult[]): void {
    const bytes = large.reduce((sum, { large: text }) => sum + text.length, 0);
    const frame: Frame = { number, results, left: large, bytes, retryMs: RETRY_MS_MIN, cancelRetry: () => undefined };
    this.#frames.add(frame);
    this.#ports.storing.add(bytes);
    void this.#store(frame);
  }

  /** The stream is over: the worker sends its frames again on the next one. */
  end(): void {
    this.#over = true;
    for (const frame of this.#frames) this.#remove(frame);
  }

  async #store(frame: Frame): Promise<void> {
    const full: LargeResult[] = [];
    try {
      await Promise.all(frame.left.map((each) => this.#put(frame, each, full)));
    } catch (error: unknown) {
      if (!this.#over) this.#owner.broken(error);
      return;
    }
    if (this.#over) return;
    frame.left = full;
    if (full.length > 0) {
      frame.cancelRetry = this.#ports.clock.after(frame.retryMs, () => void this.#store(frame));
      frame.retryMs = Math.min(RETRY_MS_MAX, frame.retryMs * 2);
      return;
    }
    this.#remove(frame);
    this.#owner.stored(frame.number, frame.results);
  }

  async #put(frame: Frame, each: LargeResult, full: LargeResult[]): Promise<void> {
    try {
      const output = await this.#ports.blobs.put(each.result.runId, Buffer.from(each.large));
      frame.results.push({ ...each.result, outcome: { type: "completed", output } });
    } catch (error: unknown) {
      if (!(error instanceof BlobsFull)) throw error;
      full.push(each);
    }
  }

  #remove(frame: Frame): void {
    frame.cancelRetry();
    this.#frames.delete(frame);
    this.#ports.storing.add(-frame.bytes);
  }
}
