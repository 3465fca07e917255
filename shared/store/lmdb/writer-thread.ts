import { Worker } from "node:worker_threads";
import type { Slice, SliceOutcome } from "../store.ts";
import { encodeSlice } from "./slice-message.ts";
import type { CopyOutcome, WriterAnswer, WriterRequest } from "./writer.ts";

/** Called when a slice was written, or not; with the sizes of the files that changed. */
export type WriteDone = (outcome: SliceOutcome, sizes: readonly (readonly [file: string, bytes: number])[]) => void;

/** Heap of the thread, MiB: a slice, its rows and the blocks made of them come to some 30 at most; scopes take a few more. */
const LIMITS = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 256 };

/**
 * The event loop's end of the store's thread. One write at a time. The thread starts with the first request: getting it going takes some 100 ms of a core, which a start of the process has better uses for.
 */
export class WriterThread {
  readonly #folder: string;
  #worker: Worker | undefined;
  #spare: ArrayBuffer | undefined;
  #writing: WriteDone | undefined;
  /** Other requests than writes, in the order they were made, which is the order of their answers. */
  #waiting: ((answer: WriterAnswer | undefined) => void)[] = [];
  #broken: string | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Writes one slice; throws when one is being written. */
  write(slice: Slice, done: WriteDone): void {
    if (this.#writing !== undefined) throw new Error("a slice is being written: wait for it");
    this.#writing = done;
    if (this.#broken !== undefined) {
      setImmediate(() => this.#break("the store's thread has ended"));
      return;
    }
    const message = encodeSlice(slice, this.#spare);
    this.#spare = undefined;
    this.#post({ type: "write", slice: message }, [message.buffer]);
  }

  /** Makes the thread let go of files of days. */
  async release(files: readonly string[]): Promise<void> {
    if (this.#worker !== undefined) await this.#ask({ type: "release", files });
  }

  /** Copies all files into a folder but for those that are known (`partKey`). */
  async copy(into: string, known: ReadonlySet<string>): Promise<CopyOutcome> {
    const answer = await this.#ask({ type: "copy", into, known });
    return answer?.type === "copy" ? answer.outcome : { type: "failed", reason: this.#broken ?? "the thread is gone" };
  }

  /** Ends the thread after what it is doing. */
  async close(): Promise<void> {
    if (this.#worker !== undefined) await this.#ask({ type: "close" });
  }

  /** The answer; undefined = the thread is gone. */
  #ask(request: WriterRequest): Promise<WriterAnswer | undefined> {
    return new Promise((resolve) => {
      if (this.#broken !== undefined) return resolve(undefined);
      this.#waiting.push(resolve);
      this.#post(request, []);
    });
  }

  #post(request: WriterRequest, owned: ArrayBuffer[]): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage(request, owned);
  }

  #start(): Worker {
    const worker = new Worker(new URL("./writer.ts", import.meta.url), {
      workerData: this.#folder,
      resourceLimits: LIMITS,
    });
    worker.on("message", (answer: WriterAnswer) => this.#answered(answer));
    worker.on("error", (error: unknown) => this.#break(String(error)));
    worker.on("exit", () => this.#break("the store's thread has ended"));
    return worker;
  }

  #answered(answer: WriterAnswer): void {
    if (answer.type !== "write") {
      this.#waiting.shift()?.(answer);
      return;
    }
    this.#spare = answer.buffer;
    const done = this.#writing;
    this.#writing = undefined;
    done?.(answer.outcome, answer.sizes);
  }

  #break(reason: string): void {
    this.#broken ??= reason;
    const done = this.#writing;
    this.#writing = undefined;
    done?.({ type: "failed", reason: this.#broken }, []);
    for (const resolve of this.#waiting.splice(0)) resolve(undefined);
  }
}
