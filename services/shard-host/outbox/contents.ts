// Looks up what a message stands for when it is sent: the sender's run is in memory, in the overlay or in the store.
// What cannot be looked up any more is not made up: the message still goes, since its number counts, and says so.
import type { Blobs } from "@millrace/blobs/blobs.ts";
import { BYTES_PER_UNIT_MAX } from "@millrace/core/run/decision.ts";
import { inputPayload, runOutput } from "@millrace/core/run/input.ts";
import { taskOf } from "@millrace/core/run/task-state.ts";
import type { Failure } from "@millrace/model/failure.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { ChildEnded, ChildRefused, ChildStarted, RunMessage, StartChild } from "@millrace/model/messages.ts";
import { INLINE_PAYLOAD_BYTES_MAX, type Payload } from "@millrace/model/payload.ts";
import type { MessageContent, SettleChild } from "@millrace/model/run-commands.ts";
import type { ShardMemory } from "../memory.ts";

/** What a payload belongs to now, and what it is to belong to. */
interface Journey {
  readonly from: RunId;
  readonly to: RunId;
}

export class Contents {
  readonly #memory: ShardMemory;
  readonly #blobs: Blobs;
  /** Large payloads are copied one at a time: each may have 4 MiB. */
  #copying: Promise<unknown> = Promise.resolve();

  readonly #refuse: (answer: SettleChild) => void;

  /** `refuse` hears of children that cannot be started, for want of their input. */
  constructor(memory: ShardMemory, blobs: Blobs, refuse: (answer: SettleChild) => void) {
    this.#memory = memory;
    this.#blobs = blobs;
    this.#refuse = refuse;
  }

  /** At once unless there is a blob to be read or written. Rejects when it cannot be; asking again is safe. */
  of(message: RunMessage): MessageContent | Promise<MessageContent> {
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
  #start(message: StartChild): MessageContent | Promise<MessageContent> {
    const { from, to, tenant, epoch, step, item, attempt, workflow, version } = message;
    const { actors, texts } = this.#memory;
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
    const input = inputPayload({ run, plan, blobText: texts.text }, { step, item }, state.input);
    actors.rest(actor);
    const carried = this.#carry(input, message);
    if (!(carried instanceof Promise)) return command(carried);
    return carried.then((payload) => {
      if (payload !== "lost") return command(payload);
      this.#refuse(inputLost(message));
      return null;
    });
  }

  #end(message: ChildEnded): MessageContent | Promise<MessageContent> {
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
    const output = runOutput({ run, plan, blobText: this.#memory.texts.text });
    if (output === null) return told(null);
    const carried = this.#carry(output, message);
    if (!(carried instanceof Promise)) return told(carried);
    return carried.then((payload) => (payload === "lost" ? withoutOutput(message, LOST) : told(payload)));
  }

  /** A payload under the name of the run that gets it: durable there before a command names it (I1). */
  #carry(payload: Payload, journey: Journey): Payload | Promise<Payload | "lost"> {
    if (typeof payload === "string" && !isLarge(payload)) return payload;
    const copied = this.#copying.then(() => this.#copy(payload, journey));
    this.#copying = copied.catch(() => {});
    return copied;
  }

  async #copy(payload: Payload, { from, to }: Journey): Promise<Payload | "lost"> {
    if (typeof payload === "string") return this.#blobs.put(to, Buffer.from(payload));
    const bytes = await this.#blobs.get(from, payload);
    return bytes === undefined ? "lost" : this.#blobs.put(to, bytes);
  }
}

const LOST = "is lost";
const PAST_RETENTION = "is past retention";

/** Characters are at most three bytes each: most texts need not be counted. */
function isLarge(text: string): boolean {
  return (
    text.length * BYTES_PER_UNIT_MAX > INLINE_PAYLOAD_BYTES_MAX && Buffer.byteLength(text) > INLINE_PAYLOAD_BYTES_MAX
  );
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
