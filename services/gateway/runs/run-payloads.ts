// The texts a run's answers show: what steps refer to is looked up, joined lists are put together, blobs are read. What
// an answer has no room for is noted as left out.
import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { Definition, StepDefinition } from "@millrace/model/definition.ts";
import type { RunId } from "@millrace/model/ids.ts";
import {
  type BlobRef,
  ITEM_INPUT,
  JSON_NULL,
  type Json,
  json,
  type Payload,
  RUN_INPUT,
  type StepInput,
  WRITTEN_INPUT,
} from "@millrace/model/payload.ts";
import type { RunState, StepItems, StepState } from "@millrace/model/run-state.ts";
import type { Omitted } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { PAYLOAD_BYTES_IN_ANSWER_MAX } from "./answer-room.ts";
import type { PayloadField } from "./left-out.ts";
import { NO_BYTES } from "./messages.ts";

/** The outputs of a joined step, in order. */
interface Joined {
  readonly parts: readonly Payload[];
  readonly bytes: number;
}

/** What a field shows. */
export type Shown = Payload | Joined;

/** What a step's input or a run's output refers to; `item` is the ordinal of the forEach item, -1 for none. */
export function followInput(
  run: RunState,
  definition: Definition,
  at: { step: number; item: number; input: StepInput },
): Shown {
  const { input } = at;
  if (typeof input !== "number") return input;
  if (input === RUN_INPUT) return run.input;
  const own = run.steps[at.step];
  if (input === ITEM_INPUT) return (own !== undefined && "items" in own ? own.items[at.item] : undefined) ?? JSON_NULL;
  if (input === WRITTEN_INPUT) return writtenJson(definition.steps[at.step]);
  const source = run.steps[input];
  return source === undefined ? JSON_NULL : outputOf(source);
}

/** What the run ended with. */
export function followOutput(run: RunState, definition: Definition): Shown | undefined {
  if (run.output === null) return undefined;
  if (run.output === WRITTEN_INPUT) return json(JSON.stringify(definition.output));
  return followInput(run, definition, { step: -1, item: -1, input: run.output });
}

/** A step's output as other steps see it: of a joined step the list of its items', of a skipped one null. */
export function outputOf(step: StepState): Shown {
  if (step.status === "completed" || step.status === "done") return step.output;
  return step.status === "joined" ? joinedOf(step) : JSON_NULL;
}

/** Lists of joined steps, which thousands of items may refer to: put together once. */
const joined = new WeakMap<StepItems, Joined>();

function joinedOf(step: StepItems): Joined {
  const known = joined.get(step);
  if (known !== undefined) return known;
  const parts = step.tasks.map((task) => (task?.status === "completed" ? task.output : JSON_NULL));
  const list = {
    parts,
    bytes: Math.max(
      2,
      parts.reduce((sum, part) => sum + sizeOf(part) + 1, 1),
    ),
  };
  joined.set(step, list);
  return list;
}

/** What steps without expressions are given, as often as they have items: written once. */
const written = new WeakMap<StepDefinition, Json>();

function writtenJson(step: StepDefinition | undefined): Json {
  if (step === undefined) return JSON_NULL;
  const known = written.get(step);
  if (known !== undefined) return known;
  const text = json(JSON.stringify(step.with));
  written.set(step, text);
  return text;
}

/** Turns payloads into bytes while there is room in the answer. */
export class PayloadTexts {
  /** Those that were loaded, by hash. */
  readonly #blobs = new Map<string, Uint8Array>();
  #bytesLeft: number;
  #blobBytesLeft: number;

  /** `bytesMax` 0 leaves all payloads out. */
  constructor(bytesMax = PAYLOAD_BYTES_IN_ANSWER_MAX) {
    this.#bytesLeft = bytesMax;
    this.#blobBytesLeft = bytesMax;
  }

  /** Reads every blob among `shown`, each once, as far as an answer has room for them. To be done before {@link bytes}. */
  async load(blobs: Blobs, runId: RunId, shown: Iterable<Shown | null | undefined>): Promise<void> {
    for (const ref of blobRefs(shown)) {
      if (this.#blobs.has(ref.sha256) || ref.bytes > this.#blobBytesLeft) continue;
      const bytes = await blobs.get(runId, ref);
      if (bytes === undefined) continue;
      this.#blobs.set(ref.sha256, bytes);
      this.#blobBytesLeft -= bytes.length;
    }
  }

  /** Empty when there is none; when it is left out, because the answer is full or a blob is gone, `left` says so. */
  bytes(shown: Shown | null | undefined, left: Omitted, field: PayloadField): Buffer {
    if (shown === null || shown === undefined) return NO_BYTES;
    const size = sizeOf(shown);
    if (size > this.#bytesLeft || !this.#isLoaded(shown)) {
      left[field] = size;
      return NO_BYTES;
    }
    this.#bytesLeft -= size;
    return this.#encode(shown);
  }

  #isLoaded(shown: Shown): boolean {
    if (isBlobRef(shown)) return this.#blobs.has(shown.sha256);
    return typeof shown === "string" || shown.parts.every((part) => this.#isLoaded(part));
  }

  #encode(shown: Shown): Buffer {
    if (typeof shown === "string") return Buffer.from(shown);
    if (isBlobRef(shown)) {
      const blob = this.#blobs.get(shown.sha256) ?? NO_BYTES;
      return Buffer.from(blob.buffer, blob.byteOffset, blob.length);
    }
    return Buffer.from(
      `[${shown.parts.map((part) => (typeof part === "string" ? part : this.#encode(part).toString())).join(",")}]`,
    );
  }
}

function* blobRefs(shown: Iterable<Shown | null | undefined>): Generator<BlobRef> {
  for (const each of shown) {
    if (each === null || each === undefined || typeof each === "string") continue;
    if (isBlobRef(each)) yield each;
    else yield* blobRefs(each.parts);
  }
}

/** In bytes of UTF-8. */
function sizeOf(shown: Shown): number {
  return typeof shown === "string" ? Buffer.byteLength(shown) : shown.bytes;
}

function isBlobRef(shown: Shown): shown is BlobRef {
  return typeof shown === "object" && "sha256" in shown;
}
