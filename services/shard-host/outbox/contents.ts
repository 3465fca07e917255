// Looks up what a message stands for when it is sent: the sender's run is in memory, in the overlay or in the store.
// What cannot be looked up any more is not made up: the message still goes, since its number counts, and says so.
import { BlobDamaged, type Blobs } from "@millrace/blobs/blobs.ts";
import { BYTES_PER_UNIT_MAX } from "@millrace/core/run/decision.ts";
import { inputPayload, isBlobRef, runOutput } from "@millrace/core/run/input.ts";
import { taskOf } from "@millrace/core/run/task-state.ts";
import type { Failure } from "@millrace/model/failure.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { ChildEnded, ChildRefused, ChildStarted, RunMessage, StartChild } from "@millrace/model/messages.ts";
import {
  type BlobRef,
  INLINE_PAYLOAD_BYTES_MAX,
  type Json,
  type PassedPayload,
  type Payload,
} from "@millrace/model/payload.ts";
import type { MessageContent, SettleChild } from "@millrace/model/run-commands.ts";
import type { ShardMemory } from "../memory.ts";

/** Copies a large payload; resolves to what the message says then. Rejects when that cannot be done now. */
export type Copying = () => Promise<MessageContent>;

export class Contents {
  readonly #memory: ShardMemory;
  readonly #blobs: Blobs;
  readonly #refuse: (answer: SettleChild) => void;

  /** `refuse` hears of children that cannot be started, for want of their input. */
  constructor(memory: ShardMemory, blobs: Blobs, refuse: (answer: SettleChild) => void) {
    this.#memory = memory;
    this.#blobs = blobs;
    this.#refuse = refuse;
  }

  /** What a message says; or, with a large payload to be copied first, how to have it. */
  of(message: RunMessage): MessageContent | Copying {
    const { to, tenant, from } = message;
    switch (message.type) {
      case "stop-child":
        return { type: message.mode, tenant, runId: to, reason: `Its parent ${from} stopped.` };
      case "child-refused":
        return { ...answer(message), status: "refused", output: null, failure: message.failure, startedMs: 0 };
      case "child-started":
        return { ...answer(message), status: "started", output: null, failure: null, startedMs: this.#startedMs(from) };
      case "start-child":
        return this.#start(message);
      case "child-ended":
        return this.#end(message);
    }
  }

  #startedMs(runId: RunId): number {
    const actor = this.#memory.actors.load(runId);
    if (actor === undefined) return 0;
    this.#memory.actors.rest(actor);
    return actor.run.startedMs;
  }

  /** The start of a child; null = its parent has gone on to another epoch, or is past retention. */
  #start(message: StartChild): MessageContent | Copying {
    const { from, to, tenant, epoch, step, item, attempt, workflow, version } = message;
    const { actors } = this.#memory;
    const actor = actors.load(from);
    if (actor === undefined) return null;
    const { run, plan } = actor;
    const state = taskOf(run, step, item);
    const ordered = plan.steps[step];
    if (run.epoch !== epoch || state === undefined || ordered?.child == null) {
      actors.rest(actor);
      return null;
    }
    const depth = (run.parent?.depth ?? 0) + 1;
    const parent = { runId: from, epoch, step, item, attempt, stepName: ordered.name, wait: ordered.child.wait, depth };
    const { traceparent } = run;
    const command = (input: Payload): MessageContent => ({
      ...{ type: "start", runId: to, tenant, workflow, version, input },
      ...{ idempotencyKey: "", inputHash: "", traceparent, parent },
    });
    const input = inputPayload({ run, plan }, { step, item }, state.input);
    actors.rest(actor);
    if (isSmall(input)) return command(input);
    return async () => {
      const copy = await this.#copy(input, message);
      if (copy !== undefined) return command(copy);
      this.#refuse(inputLost(message));
      return null;
    };
  }

  #end(message: ChildEnded): MessageContent | Copying {
    const actor = this.#memory.actors.load(message.from);
    const { status } = message;
    if (actor === undefined) return status === "completed" ? withoutOutput(message, PAST_RETENTION) : ended(message, 0);
    const { run, plan } = actor;
    this.#memory.actors.rest(actor);
    const { startedMs } = run;
    // It was retried since: why it ended before is not kept. One that completed never is.
    if (run.epoch !== 1) return ended(message, startedMs);
    const failure = run.failure?.failure ?? null;
    const told = (output: Payload | null): SettleChild => ({ ...ended(message, startedMs), output, failure });
    const output = runOutput({ run, plan });
    if (output === null || isSmall(output)) return told(output);
    return async () => {
      const copy = await this.#copy(output, message);
      return copy === undefined ? withoutOutput(message, LOST) : told(copy);
    };
  }

  /**
   * Stores a large payload under the name of the run that gets it: durable there before a command names it (I1).
   * undefined = a blob of it is gone or damaged. Rejects when it cannot be read or written now.
   */
  async #copy(payload: PassedPayload, { from, to }: RunMessage): Promise<BlobRef | undefined> {
    const isList = typeof payload === "object" && !isBlobRef(payload);
    const parts: Uint8Array[] = [];
    for (const part of isList ? payload : [payload]) {
      const bytes = typeof part === "string" ? Buffer.from(part) : await this.#read(from, part);
      if (bytes === undefined) return undefined;
      if (isList) parts.push(parts.length === 0 ? LIST_BEGIN : LIST_COMMA);
      parts.push(bytes);
    }
    if (isList) parts.push(LIST_END);
    return this.#blobs.put(to, Buffer.concat(parts));
  }

  async #read(from: RunId, ref: BlobRef): Promise<Uint8Array | undefined> {
    try {
      return await this.#blobs.get(from, ref);
    } catch (error: unknown) {
      if (error instanceof BlobDamaged) return undefined;
      throw error;
    }
  }
}

const LIST_BEGIN = Buffer.from("[");
const LIST_COMMA = Buffer.from(",");
const LIST_END = Buffer.from("]");

const LOST = "is lost";
const PAST_RETENTION = "is past retention";

/** Whether a payload travels in events as it is. Most texts need not be counted. */
function isSmall(payload: PassedPayload): payload is Json {
  if (typeof payload !== "string") return false;
  if (payload.length * BYTES_PER_UNIT_MAX <= INLINE_PAYLOAD_BYTES_MAX) return true;
  return Buffer.byteLength(payload) <= INLINE_PAYLOAD_BYTES_MAX;
}

/** What every answer to a parent begins with. */
function answer(message: ChildStarted | ChildRefused | ChildEnded) {
  const { to: runId, from: child, tenant, epoch, step, item, attempt } = message;
  return { type: "child-ended", tenant, runId, child, epoch, step, item, attempt } as const;
}

function ended(message: ChildEnded, startedMs: number): SettleChild {
  return { ...answer(message), status: message.status, output: null, failure: null, startedMs };
}

/** What the parent is told, in its own shard, when the input it recorded is gone. */
function inputLost({ from: runId, to: child, tenant, epoch, step, item, attempt }: StartChild): SettleChild {
  const failure: Failure = {
    code: "BLOB_LOST",
    class: "permanent",
    message: "The child was not started: its input is lost.",
    guidance: "Start the run again with its input.",
    retryAfterMs: 0,
  };
  const place = { runId, child, tenant, epoch, step, item, attempt };
  return { type: "child-ended", ...place, status: "refused", output: null, failure, startedMs: 0 };
}

/** A child's output that cannot be had any more fails the step that waits for it. */
function withoutOutput(message: ChildEnded, what: string): SettleChild {
  const failure: Failure = {
    code: "BLOB_LOST",
    class: "permanent",
    message: `The child completed, but its output ${what}.`,
    guidance: "Retry this run: it starts a new child.",
    retryAfterMs: 0,
  };
  return { ...ended(message, 0), status: "refused", failure };
}
