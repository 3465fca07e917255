// One worker's stream between its frames on the wire and the hub: fields checked, payloads checked, large ones stored
// before a result is reported and read before a task is sent. It owns no task: the hub does.
import { BlobDamaged, type Blobs } from "@millrace/blobs/blobs.ts";
import { failureOf } from "@millrace/errors/failure.ts";
import type { Failure } from "@millrace/model/failure.ts";
import type { TenantId } from "@millrace/model/ids.ts";
import { type Json, PAYLOAD_BYTES_MAX } from "@millrace/model/payload.ts";
import type { Task, TaskToken } from "@millrace/model/task.ts";
import type {
  ConnectRequest,
  ConnectResponse,
  WorkerHello as HelloMessage,
  Task as TaskMessage,
  TaskRef,
} from "@millrace/rpc/generated/millrace/v1/workers.ts";
import { Refused } from "../calls/call.ts";
import { invalid, shown, textFault } from "../calls/fields.ts";
import { jsonText } from "../payloads/json-text.ts";
import { PacedQueue } from "../payloads/paced-queue.ts";
import { loadPayload } from "../payloads/payloads.ts";
import { type LargeResult, readResult } from "./read-result.ts";
import { StoringFrames, type StoringOwner, type StoringPorts } from "./storing-frames.ts";
import type { TaskHub } from "./task-hub.ts";
import { readToken, tokensFault } from "./task-token.ts";
import {
  CREDITS_MAX,
  HEARTBEAT_INTERVAL_MS,
  type ReportedResult,
  type WorkerFrame,
  type WorkerHello,
  type WorkerLink,
} from "./worker-link.ts";
import { WorkerSession } from "./worker-session.ts";

/** The wire of a worker's stream. */
export interface WorkerWire {
  /** false = full; `writable()` follows. */
  send(frame: ConnectResponse): boolean;
  pause(): void;
  resume(): void;
  end(): void;
  fail(refused: Refused): void;
}

const NAME_CHARACTERS_MAX = 64;
const TASK_TYPES_MAX = 1_000;
const TASK_TYPE = /^[A-Za-z0-9._-]{1,128}$/;

/** Results in one frame: more than a worker may hold makes no sense. */
const FRAME_RESULTS_MAX = CREDITS_MAX;

/** Progress of one heartbeat; more is passed over. */
const PROGRESS_BYTES_MAX = 4 * 1024;

/** Input bytes after which a frame of tasks is cut: other clients take messages of 4 MiB. */
const FRAME_INPUT_BYTES_MAX = 1024 * 1024;

/** What a worker's stream works with. */
export interface ConnectionPorts extends StoringPorts {
  readonly hub: TaskHub;
}

export class WorkerConnection implements WorkerLink, StoringOwner {
  readonly #hub: TaskHub;
  readonly #blobs: Blobs;
  readonly #tenant: TenantId;
  readonly #wire: WorkerWire;
  readonly #storing: StoringFrames;
  /** Tasks whose input is a blob or has blobs in it: each follows in a frame of its own. At most as many as the worker has credits. */
  readonly #large = new PacedQueue<Task>((task) => this.#sendLarge(task));
  #session: WorkerSession | null = null;
  /** The hub takes no more results for now. */
  #hubFull = false;
  #paused = false;
  #halfClosed = false;
  #over = false;

  constructor(ports: ConnectionPorts, tenant: TenantId, wire: WorkerWire) {
    this.#hub = ports.hub;
    this.#blobs = ports.blobs;
    this.#storing = new StoringFrames(ports, this);
    this.#tenant = tenant;
    this.#wire = wire;
  }

  /** A frame of the worker. */
  frame(request: ConnectRequest): void {
    if (this.#over) return;
    const session = this.#session ?? this.#open(request.hello);
    if (session instanceof Refused) {
      this.#fail(session);
      return;
    }
    const fault = frameFault(request);
    if (fault !== undefined) {
      this.#fail(fault);
      return;
    }
    session.heard();
    if (request.draining) session.drain();
    for (const heartbeat of request.heartbeats) this.#beat(session, heartbeat);
    if (request.results.length > 0) this.#report(session, request);
    if (request.credits === 0 || this.#over) return;
    const refused = session.grant(request.credits);
    if (refused !== null) this.#fail(new Refused(refused));
  }

  /** The worker sends no more. */
  halfClose(): void {
    this.#halfClosed = true;
    if (this.#session === null) this.#wire.end();
    else if (this.#storing.empty) this.#session.finish();
  }

  /** The stream is gone. */
  lost(reason: string): void {
    this.#end();
    this.#session?.end(reason);
  }

  /** The wire takes frames again. */
  writable(): void {
    this.#large.go();
    this.#session?.writable();
  }

  // What the hub calls.

  send(frame: WorkerFrame): boolean {
    if (this.#over) return true;
    let writable = true;
    let message = responseOf(frame);
    let bytes = 0;
    for (const task of frame.tasks) {
      if (typeof task.input !== "string") {
        this.#large.push(task);
        continue;
      }
      message.tasks.push(taskMessage(task, Buffer.from(task.input)));
      bytes += task.input.length;
      if (bytes < FRAME_INPUT_BYTES_MAX) continue;
      writable = this.#wire.send(message);
      message = responseOf(NOTHING);
      bytes = 0;
    }
    if (message.tasks.length + message.cancels.length + message.settled.length > 0 || message.draining) {
      writable = this.#wire.send(message);
    }
    return writable;
  }

  resume(): void {
    this.#hubFull = false;
    this.#pace();
  }

  close(reason: string): void {
    if (this.#over) return;
    this.#end();
    if (reason === "") this.#wire.end();
    else this.#wire.fail(givenUp(reason));
  }

  // What the store of large outputs calls.

  stored(frame: number, results: readonly ReportedResult[]): void {
    const session = this.#session;
    if (session === null || this.#over) return;
    this.#hubFull = !session.report(frame, results);
    this.#pace();
    if (this.#halfClosed && this.#storing.empty) session.finish();
  }

  broken(error: unknown): void {
    this.#fail(givenUp(`the blob store failed (${error instanceof Error ? error.message : String(error)})`));
  }

  #open(hello: HelloMessage | undefined): WorkerSession | Refused {
    const checked = readHello(hello, this.#tenant);
    if (checked instanceof Refused) return checked;
    const session = this.#hub.open(checked, this);
    if (!(session instanceof WorkerSession)) return new Refused(session);
    this.#session = session;
    this.#wire.send({
      ...responseOf(NOTHING),
      welcome: {
        session: session.id,
        heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
        payloadBytesMax: PAYLOAD_BYTES_MAX,
      },
    });
    return session;
  }

  #beat(session: WorkerSession, heartbeat: ConnectRequest["heartbeats"][number]): void {
    const token = heartbeat.task === undefined ? undefined : readToken(heartbeat.task);
    if (token === undefined) return;
    session.beat(token, readProgress(heartbeat.progress));
  }

  #report(session: WorkerSession, request: ConnectRequest): void {
    const { results, frame } = request;
    const read: ReportedResult[] = [];
    const large: LargeResult[] = [];
    for (const result of results) {
      const token = readToken(result);
      // A name no run can have: nobody waits for it, so it is settled with its frame.
      if (token === undefined) continue;
      const each = readResult(token, result);
      if (each.large === null) read.push(each.result);
      else large.push(each);
    }
    if (large.length === 0) {
      this.stored(frame, read);
      return;
    }
    for (const { result } of large) session.received(result);
    this.#storing.add(frame, read, large);
    this.#pace();
  }

  /** Reads on or not, as hub and store have room. What the worker says meanwhile waits on the wire. */
  #pace(): void {
    const pause = this.#hubFull || this.#storing.full;
    if (pause === this.#paused || this.#over) return;
    this.#paused = pause;
    this.#session?.listens(!pause);
    if (pause) this.#wire.pause();
    else this.#wire.resume();
  }

  #end(): void {
    this.#over = true;
    this.#storing.end();
  }

  /** Whether the wire takes more. */
  async #sendLarge(task: Task): Promise<boolean> {
    if (this.#over) return true;
    try {
      const input = await loadPayload(this.#blobs, task.runId, task.input);
      if (this.#over) return true;
      if (input !== undefined) return this.#wire.send({ ...responseOf(NOTHING), tasks: [taskMessage(task, input)] });
      this.#failTask(task, failureOf("BLOB_LOST", "A blob of the task's input is gone."));
    } catch (error: unknown) {
      const why = error instanceof Error ? error.message : String(error);
      const code = error instanceof BlobDamaged ? "BLOB_LOST" : "WORKER_LOST";
      this.#failTask(task, failureOf(code, `The task's input could not be read: ${why}`));
    }
    return true;
  }

  #failTask(task: Task, failure: Failure): void {
    const { runId: id, epoch, step, item, attempt } = task;
    this.#session?.returnTask({
      runId: id,
      epoch,
      step,
      item,
      attempt,
      outcome: { type: "failed", failure },
      logs: null,
    });
  }

  #fail(refused: Refused): void {
    if (this.#over) return;
    this.#end();
    this.#session?.end(refused.refusal.message);
    this.#wire.fail(refused);
  }
}

const NOTHING: WorkerFrame = { tasks: [], cancels: [], settled: [], draining: false };

function responseOf(frame: WorkerFrame): ConnectResponse {
  return {
    welcome: undefined,
    tasks: [],
    cancels: frame.cancels.map(refMessage),
    settled: [...frame.settled],
    draining: frame.draining,
  };
}

function refMessage({ runId: id, epoch, step, item, attempt }: TaskToken): TaskRef {
  return { runId: id, epoch, step, item: item + 1, attempt };
}

function taskMessage(task: Task, input: Buffer): TaskMessage {
  return {
    runId: task.runId,
    epoch: task.epoch,
    step: task.step,
    item: task.item + 1,
    attempt: task.attempt,
    taskType: task.taskType,
    input,
    idempotencyKey: task.idempotencyKey,
    timeoutMs: task.timeoutMs,
    stepName: task.stepName,
    workflow: task.workflow,
    tenant: task.tenant,
  };
}

function readProgress(bytes: Uint8Array): Json | null {
  if (bytes.length === 0 || bytes.length > PROGRESS_BYTES_MAX) return null;
  const text = jsonText(bytes);
  return typeof text === "string" ? text : null;
}

function readHello(hello: HelloMessage | undefined, tenant: TenantId): WorkerHello | Refused {
  if (hello === undefined) return invalid("hello", "The first frame has no hello.", "Send hello in the first frame.");
  const fault =
    textFault("hello.name", hello.name, NAME_CHARACTERS_MAX, 1) ??
    textFault("hello.build", hello.build, NAME_CHARACTERS_MAX);
  if (fault !== undefined) return fault;
  const count = hello.taskTypes.length;
  if (count < 1 || count > TASK_TYPES_MAX) {
    const message = `hello.task_types has ${count} entries; it must have 1 to ${TASK_TYPES_MAX}.`;
    return invalid("hello.task_types", message, "Name each task type the worker serves.");
  }
  for (const [index, type] of hello.taskTypes.entries()) {
    if (TASK_TYPE.test(type)) continue;
    const field = `hello.task_types[${index}]`;
    const message = `${field} is ${shown(type)}; a task type has 1 to 128 characters of [A-Za-z0-9._-].`;
    return invalid(field, message, "Send the type as steps name it in `uses`.");
  }
  if (hello.holding.length > CREDITS_MAX) {
    const message = `hello.holding has ${hello.holding.length} attempts; at most ${CREDITS_MAX} are taken.`;
    return invalid("hello.holding", message, "Let a worker hold no more tasks than it may have credits.");
  }
  const named = tokensFault(hello.holding, (index) => `hello.holding[${index}]`);
  if (named !== undefined) return named;
  const holding = hello.holding.flatMap((ref) => readToken(ref) ?? []);
  return { name: hello.name, build: hello.build, taskTypes: [...new Set(hello.taskTypes)], holding, tenant };
}

/** What no frame may say, whatever was said before. */
function frameFault({ results, frame, heartbeats }: ConnectRequest): Refused | undefined {
  if (results.length > FRAME_RESULTS_MAX) return tooManyResults(results.length);
  if (results.length > 0 && frame === 0) return noFrameNumber();
  return (
    tokensFault(results, (index) => `results[${index}]`) ??
    tokensFault(
      heartbeats.map(({ task }) => task),
      (index) => `heartbeats[${index}].task`,
    )
  );
}

function noFrameNumber(): Refused {
  return invalid("frame", "frame is 0 in a frame with results.", "Count frames with results up from 1.");
}

function tooManyResults(count: number): Refused {
  const message = `results has ${count} entries; a frame takes at most ${FRAME_RESULTS_MAX}.`;
  return invalid("results", message, "Send smaller frames.");
}

function givenUp(reason: string): Refused {
  return new Refused({
    code: "SHARD_UNAVAILABLE",
    field: "",
    message: `The stream is over: ${reason}.`,
    fix: "Connect again, announce what the worker still holds, and send unsettled frames again.",
    retryDelayMs: 250,
  });
}
