// Results on their way to the server: waiting for a frame, or in a frame that is not settled yet.
// 1. Every result is in exactly one place: waiting, or in one unsettled frame, until its frame is settled. A result that
//    is added again (the server lost its attempt) is in a second frame, too: recorded once all the same (I3).
// 2. Frame numbers count up from 1 over all streams; a frame sent again keeps its number and its content.
import type { TaskResult } from "@millrace/rpc/generated/millrace/v1/workers.ts";

/** Most results of one frame: bounds what one frame costs the server's event loop. */
export const FRAME_RESULTS_MAX = 2_000;

/** Most bytes of one frame, unless one result alone is larger. */
export const FRAME_BYTES_MAX = 2 * 1024 * 1024;

/** What a result takes in a frame beside its output, failure texts and logs; rounded up. */
const RESULT_OVERHEAD_BYTES = 64;

export interface ResultFrame {
  readonly number: number;
  readonly results: TaskResult[];
  readonly bytes: number;
}

export class Outbox {
  #waiting: TaskResult[] = [];
  readonly #unsettled = new Map<number, ResultFrame>();
  /** Frames of an earlier stream, oldest first, to be sent before anything new. */
  #again: ResultFrame[] = [];
  #lastNumber = 0;
  #results = 0;
  #bytes = 0;

  /** Results not settled yet. */
  get results(): number {
    return this.#results;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Frames not settled yet. */
  get frames(): number {
    return this.#unsettled.size;
  }

  add(result: TaskResult): void {
    this.#waiting.push(result);
    this.#results += 1;
    this.#bytes += resultBytes(result);
  }

  /** The next frame to send; undefined = there is nothing to say. */
  next(): ResultFrame | undefined {
    for (let again = this.#again.shift(); again !== undefined; again = this.#again.shift()) {
      if (this.#unsettled.has(again.number)) return again;
    }
    if (this.#waiting.length === 0) return undefined;
    const frame = this.#cut();
    this.#unsettled.set(frame.number, frame);
    return frame;
  }

  /** The results of a frame that is durable now; undefined if it was settled before. */
  settle(number: number): readonly TaskResult[] | undefined {
    const frame = this.#unsettled.get(number);
    if (frame === undefined) return undefined;
    this.#unsettled.delete(number);
    this.#results -= frame.results.length;
    this.#bytes -= frame.bytes;
    return frame.results;
  }

  /** A new stream begins: everything unsettled is due again. */
  restart(): void {
    this.#again = Array.from(this.#unsettled.values());
  }

  /** Takes as many waiting results as fit into a frame, at least one. */
  #cut(): ResultFrame {
    let count = 0;
    let bytes = 0;
    for (const result of this.#waiting) {
      const more = resultBytes(result);
      if (count > 0 && (count === FRAME_RESULTS_MAX || bytes + more > FRAME_BYTES_MAX)) break;
      count += 1;
      bytes += more;
    }
    const results = this.#waiting;
    this.#waiting = results.length === count ? [] : results.splice(count);
    this.#lastNumber += 1;
    return { number: this.#lastNumber, results, bytes };
  }
}

function resultBytes(result: TaskResult): number {
  const bytes = RESULT_OVERHEAD_BYTES + result.logs.length;
  const { outcome } = result;
  if (outcome?.$case === "output") return bytes + outcome.value.length;
  // A character takes at most three bytes of UTF-8 (two of a surrogate pair take four).
  if (outcome?.$case === "failure") return bytes + 3 * (outcome.value.message.length + outcome.value.guidance.length);
  return bytes;
}
