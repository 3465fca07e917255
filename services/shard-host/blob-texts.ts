// The texts of blobs that decisions and dispatches read: loaded before, never during (STYLE: load, then decide).
import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import { blobsOf } from "@millrace/core/run/input.ts";
import type { RunId } from "@millrace/model/ids.ts";
import { type BlobRef, type Json, json, type Payload, RUN_INPUT } from "@millrace/model/payload.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import type { Actor } from "./actors.ts";
import { BLOB_TEXT_BYTES_MAX } from "./limits.ts";

/** How long to wait before a blob that could not be read is tried again. */
const READ_RETRY_MS = 1000;

/** Steering that begins no step reads no payload: a run whose blobs cannot be read can still be stopped. */
const READS_NOTHING: ReadonlySet<RunCommand["type"]> = new Set(["cancel", "terminate", "pause"]);

export class BlobTexts {
  /** In the order of their last use: the first is dropped first. */
  readonly #texts = new Map<string, Json>();
  #bytes = 0;
  readonly #blobs: Blobs;

  readonly #clock: Clock;

  constructor(blobs: Blobs, clock: Clock) {
    this.#blobs = blobs;
    this.#clock = clock;
  }

  /** A text that was loaded. Throws when it was not: whoever decides has asked {@link missing} before. */
  readonly text = (ref: BlobRef): Json => {
    const text = this.#texts.get(ref.sha256);
    if (text === undefined) throw new Error(`Blob ${ref.sha256} was not loaded before it was read.`);
    return text;
  };

  /** What must be loaded before a command is decided: blobs among the payloads that expressions parse. */
  missing(actor: Actor, command: RunCommand): BlobRef[] {
    if (READS_NOTHING.has(command.type)) return [];
    const refs: BlobRef[] = [];
    if (command.type === "result" && command.result.outcome.type === "completed")
      this.#add(refs, command.result.outcome.output, actor.plan.parsed.has(command.result.step));
    if (command.type === "child-ended" && command.output !== null)
      this.#add(refs, command.output, actor.plan.parsed.has(command.step));
    if (actor.hasBlobs) {
      const all: BlobRef[] = [];
      for (const step of actor.plan.parsed) all.push(...blobsOf(actor.run, step));
      if (all.length === 0) actor.hasBlobs = anyBlob(actor);
      for (const ref of all) this.#add(refs, ref, true);
    }
    return refs;
  }

  /** What must be loaded before a run's output is told. */
  missingEnd({ run, plan, hasBlobs }: Actor): BlobRef[] {
    if (!hasBlobs || plan.output.type !== "passed" || run.steps[plan.output.from]?.status !== "joined") return [];
    return this.absent(blobsOf(run, plan.output.from));
  }

  /** As {@link missing}, for a run that is about to start. */
  missingInput(input: Payload, parsed: ReadonlySet<number>): BlobRef[] {
    const refs: BlobRef[] = [];
    this.#add(refs, input, parsed.has(RUN_INPUT));
    return refs;
  }

  /** Those of `refs` that are not loaded. */
  absent(refs: readonly BlobRef[]): BlobRef[] {
    return refs.filter((ref) => !this.#texts.has(ref.sha256));
  }

  /** Loads texts, then calls back. A blob that cannot be read is tried again: its run waits, and nothing is made up. */
  load(runId: RunId, refs: readonly BlobRef[], loaded: () => void): void {
    Promise.all(refs.map((ref) => this.#read(runId, ref))).then(loaded, () => {
      this.#clock.after(READ_RETRY_MS, () => this.load(runId, refs, loaded));
    });
  }

  async #read(runId: RunId, ref: BlobRef): Promise<void> {
    const bytes = await this.#blobs.get(runId, ref);
    if (bytes === undefined) throw new Error(`Blob ${ref.sha256} of run ${runId} is gone.`);
    this.#keep(ref, json(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")));
  }

  #add(refs: BlobRef[], payload: Payload, parsed: boolean): void {
    if (parsed && typeof payload !== "string" && !this.#texts.has(payload.sha256)) refs.push(payload);
  }

  #keep(ref: BlobRef, text: Json): void {
    // Several may have waited for the same blob.
    if (this.#texts.delete(ref.sha256)) this.#bytes -= ref.bytes;
    this.#texts.set(ref.sha256, text);
    this.#bytes += ref.bytes;
    for (const [sha256, old] of this.#texts) {
      if (this.#bytes <= BLOB_TEXT_BYTES_MAX || sha256 === ref.sha256) return;
      this.#texts.delete(sha256);
      this.#bytes -= Buffer.byteLength(old);
    }
  }
}

function anyBlob(actor: Actor): boolean {
  if (blobsOf(actor.run, RUN_INPUT).length > 0) return true;
  return actor.plan.steps.some((step) => blobsOf(actor.run, step.index).length > 0);
}
