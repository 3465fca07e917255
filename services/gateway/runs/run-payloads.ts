// The texts a run's answers show: what steps refer to is looked up, joined lists are put together, blobs are read.
import type { Blobs } from "@millrace/blobs/blobs.ts";
import { isBlobRef } from "@millrace/core/run/input.ts";
import type { Definition } from "@millrace/model/definition.ts";
import {
  type BlobRef,
  ITEM_INPUT,
  JSON_NULL,
  type Json,
  json,
  type PassedPayload,
  type Payload,
  RUN_INPUT,
  type StepInput,
  WRITTEN_INPUT,
} from "@millrace/model/payload.ts";
import type { RunState, StepItems, StepState, TaskState } from "@millrace/model/run-state.ts";
import { REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX } from "@millrace/rpc/limits.ts";
import { NO_BYTES } from "./messages.ts";

/** Payload bytes in one answer; what is beyond is left out. Room for the rest of the answer stays. */
const PAYLOAD_BYTES_IN_ANSWER_MAX = RESPONSE_BYTES_MAX - REQUEST_BYTES_MAX;

/** What a step's input or a run's output refers to; `item` is the ordinal of the forEach item, -1 for none. */
export function followInput(
  run: RunState,
  definition: Definition,
  at: { step: number; item: number; input: StepInput },
): PassedPayload {
  const { input } = at;
  if (typeof input !== "number") return input;
  if (input === RUN_INPUT) return run.input;
  const own = run.steps[at.step];
  if (input === ITEM_INPUT) return (own !== undefined && "items" in own ? own.items[at.item] : undefined) ?? JSON_NULL;
  if (input === WRITTEN_INPUT) return writtenJson(definition, at.step);
  const source = run.steps[input];
  return source === undefined ? JSON_NULL : outputOf(source);
}

/** What the run ended with. */
export function followOutput(run: RunState, definition: Definition): PassedPayload | undefined {
  if (run.output === null) return undefined;
  if (run.output === WRITTEN_INPUT) return json(JSON.stringify(definition.output));
  return followInput(run, definition, { step: -1, item: -1, input: run.output });
}

/** A step's output as other steps see it: of a joined step the list of its items', of a skipped one null. */
export function outputOf(step: StepState): PassedPayload {
  if (step.status === "completed" || step.status === "done") return step.output;
  return step.status === "joined" ? itemOutputs(step) : JSON_NULL;
}

function itemOutputs(step: StepItems): readonly Payload[] {
  return step.tasks.map((task: TaskState | null) => (task?.status === "completed" ? task.output : JSON_NULL));
}

function writtenJson(definition: Definition, step: number): Json {
  return json(JSON.stringify(definition.steps[step]?.with ?? null));
}

/** Turns payloads into bytes while there is room in the answer. Blobs have to be loaded before. */
export class PayloadTexts {
  readonly #blobs: ReadonlyMap<string, Uint8Array>;
  #bytesLeft = PAYLOAD_BYTES_IN_ANSWER_MAX;

  constructor(blobs: ReadonlyMap<string, Uint8Array>) {
    this.#blobs = blobs;
  }

  /** Empty when there is none, its blob is gone, or the answer is full. */
  bytes(shown: PassedPayload | null | undefined): Buffer {
    if (shown === null || shown === undefined) return NO_BYTES;
    if (sizeOf(shown) > this.#bytesLeft) return NO_BYTES;
    const bytes = this.#encode(shown);
    this.#bytesLeft -= bytes.length;
    return bytes;
  }

  #encode(shown: PassedPayload): Buffer {
    if (typeof shown === "string") return Buffer.from(shown);
    if (isBlobRef(shown)) {
      const blob = this.#blobs.get(shown.sha256);
      return blob === undefined ? NO_BYTES : Buffer.from(blob.buffer, blob.byteOffset, blob.length);
    }
    const parts = shown.map((payload) => (typeof payload === "string" ? payload : this.#encode(payload).toString()));
    return Buffer.from(`[${parts.map((part) => (part === "" ? JSON_NULL : part)).join(",")}]`);
  }
}

/** Reads every blob among `shown`, each once, as far as an answer has room for them. */
export async function loadBlobs(
  blobs: Blobs,
  run: RunState,
  shown: Iterable<PassedPayload | null | undefined>,
): Promise<Map<string, Uint8Array>> {
  const loaded = new Map<string, Uint8Array>();
  let bytesLeft = PAYLOAD_BYTES_IN_ANSWER_MAX;
  for (const ref of blobRefs(shown)) {
    if (loaded.has(ref.sha256) || ref.bytes > bytesLeft) continue;
    const bytes = await blobs.get(run.runId, ref);
    if (bytes === undefined) continue;
    loaded.set(ref.sha256, bytes);
    bytesLeft -= bytes.length;
  }
  return loaded;
}

/** Everything a timeline of the run may show. */
export function* everyPayload(run: RunState): Generator<Payload | null> {
  yield run.input;
  if (typeof run.output !== "number") yield run.output;
  for (const step of run.steps) {
    if (step.status === "done") yield step.output;
    else if ("tasks" in step) for (const task of step.tasks) yield* taskPayloads(task);
    else if ("attempt" in step) yield* taskPayloads(step);
  }
}

function* taskPayloads(task: TaskState | null): Generator<Payload | null> {
  if (task === null) return;
  if (typeof task.input !== "number") yield task.input;
  if (task.status === "completed") {
    yield task.output;
    yield task.logs;
  }
  if (task.log === null) return;
  yield task.log.first.logs;
  for (const attempt of task.log.recent) yield attempt.logs;
}

function* blobRefs(shown: Iterable<PassedPayload | null | undefined>): Generator<BlobRef> {
  for (const each of shown) {
    if (each === null || each === undefined || typeof each === "string") continue;
    if (isBlobRef(each)) yield each;
    else yield* blobRefs(each);
  }
}

function sizeOf(shown: PassedPayload): number {
  // Characters, not bytes: an estimate that decides only whether to try.
  if (typeof shown === "string") return shown.length;
  if (isBlobRef(shown)) return shown.bytes;
  return shown.reduce((sum, each) => sum + sizeOf(each) + 1, 1);
}
