// One SubmitRuns stream, without its wire: frames of starts in, frames of starts and ends out.
//
// It owns what the stream still owes its client. Nothing here is durable: a client whose stream breaks sends its starts
// again with their idempotency keys.
// 1. Every start is answered once: refused, or with what the client asked for (start, end, both).
// 2. Overload never refuses a start here: it is held and handed in again, and the client's frames wait (I9).
import type { Clock } from "@millrace/clock/clock.ts";
import type { Envelope, Origin, Reply, RunEnd } from "@millrace/link/link.ts";
import type { Refusal, RefusalCode } from "@millrace/model/refusal.ts";
import type { StartRun } from "@millrace/model/run-commands.ts";
import { startErrorOf } from "@millrace/rpc/error-details.ts";
import {
  type RunEnd as RunEndMessage,
  type RunStarted,
  SubmitAnswers,
  type SubmitRunsRequest,
  type SubmitRunsResponse,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { type CallContext, Refused } from "../calls/call.ts";
import { invalid } from "../calls/fields.ts";
import { PacedQueue } from "../payloads/paced-queue.ts";
import { inlineRunEndMessage, runEndMessage } from "./run-end.ts";
import { prepareStart } from "./start-command.ts";
import type { RunPorts } from "./start-runs.ts";

/** The wire of a stream. */
export interface SubmitWire {
  /** false = full; the stream goes on sending, within its bound. */
  send(frame: SubmitRunsResponse): boolean;
  /** Take no more frames from the client, or take them again. */
  pause(): void;
  resume(): void;
  end(): void;
  fail(refused: Refused): void;
}

/** Starts without an answer; above it the client's frames wait. Four times what the heaviest known client keeps. */
export const STARTS_IN_FLIGHT_MAX = 65_536;

/** Runs whose end is awaited: 100 bytes each here. */
export const ENDS_AWAITED_MAX = 1_048_576;

/** Starts in one frame. */
const FRAME_STARTS_MAX = 10_000;

/** Payload bytes after which a frame is sent: far below the 4 MiB other gRPC clients take. */
const FRAME_BYTES_MAX = 1024 * 1024;

/** Answers in a frame, about 100 bytes each. */
const FRAME_ANSWERS_MAX = 8_192;

/** Bytes of answers a client may leave unread before its stream is broken. */
const UNREAD_BYTES_MAX = 64 * 1024 * 1024;

/** Overload that passes: the start is held. A full disk is told to the client. */
const HELD: ReadonlySet<RefusalCode> = new Set<RefusalCode>(["SHARD_OVERLOADED", "SHARD_UNAVAILABLE"]);

/** The wait before handing in again when the refusal names none. */
const RETRY_DELAY_MS_MIN = 20;

/** An end that has to be loaded. */
interface LargeEnd {
  readonly end: RunEnd;
  readonly ref: number;
  readonly place: number;
}

/** A start on its way. */
interface Open {
  /** The client's own number. */
  readonly ref: number;
  /** null once it was answered. */
  envelope: Envelope | null;
  /** Its run's end may be told before its start is answered. */
  ended: boolean;
}

export class SubmitStream implements Origin {
  readonly #ports: RunPorts;
  readonly #clock: Clock;
  readonly #context: Pick<CallContext, "tenant" | "traceparent">;
  readonly #wire: SubmitWire;
  readonly #open = new Map<number, Open>();
  /** Ends whose output is a blob or has blobs in it; each holds its place in `#open` meanwhile. */
  readonly #largeEnds = new PacedQueue<LargeEnd>((large) => this.#loadEnd(large));
  #answers: SubmitAnswers | null = null;
  #serial = 0;
  #unanswered = 0;
  /** Batches that wait to be handed in again. */
  #held = 0;
  #started: RunStarted[] = [];
  #ended: RunEndMessage[] = [];
  #endedBytes = 0;
  #unreadBytes = 0;
  #full = false;
  #flushDue = false;
  #paused = false;
  #halfClosed = false;
  #over = false;

  constructor(ports: RunPorts, context: Pick<CallContext, "tenant" | "traceparent">, wire: SubmitWire) {
    this.#ports = ports;
    this.#clock = ports.clock;
    this.#context = context;
    this.#wire = wire;
  }

  /** A frame of the client. */
  frame(request: SubmitRunsRequest): void {
    if (this.#over) return;
    if (request.runs.length > FRAME_STARTS_MAX) {
      const message = `runs has ${request.runs.length} starts; a frame takes at most ${FRAME_STARTS_MAX}.`;
      this.#fail(invalid("runs", message, "Send smaller frames."));
      return;
    }
    this.#answers ??= request.answers;
    const notifyEnd = this.#answers !== SubmitAnswers.STARTS;
    const batch: Envelope[] = [];
    for (const start of request.runs) {
      const prepared = prepareStart(this.#ports, this.#context, start);
      if (prepared instanceof Refused) this.#refuse(start.ref, prepared.refusal);
      else if (prepared instanceof Promise) this.#later(start.ref, notifyEnd, prepared);
      else batch.push(this.#enter(start.ref, notifyEnd, prepared));
    }
    if (batch.length > 0) this.#ports.shards.submit(this, batch);
    this.#settle();
  }

  /** The client sends no more. */
  halfClose(): void {
    this.#halfClosed = true;
    this.#flushSoon();
  }

  /** The client has gone: what it started goes on, nobody is told. */
  abandon(): void {
    if (!this.#over && this.#open.size > 0) this.#ports.shards.forget(this);
    this.#over = true;
    this.#open.clear();
    this.#largeEnds.clear();
  }

  /** The wire takes frames again. */
  writable(): void {
    this.#full = false;
    this.#unreadBytes = 0;
    this.#largeEnds.go();
    this.#settle();
  }

  replied(replies: readonly Reply[]): void {
    if (this.#over) return;
    let held: Envelope[] | null = null;
    let delayMs = RETRY_DELAY_MS_MIN;
    for (const reply of replies) {
      const open = this.#open.get(reply.ref);
      if (open?.envelope == null) continue;
      if (reply.type === "refused" && HELD.has(reply.refusal.code)) {
        held ??= [];
        held.push(open.envelope);
        delayMs = Math.max(delayMs, reply.refusal.retryDelayMs);
        continue;
      }
      this.#unanswered -= 1;
      if (reply.type === "refused") {
        this.#open.delete(reply.ref);
        this.#refuse(open.ref, reply.refusal);
        continue;
      }
      if (!open.envelope.notifyEnd || open.ended) this.#open.delete(reply.ref);
      open.envelope = null;
      if (this.#answers === SubmitAnswers.ENDS) continue;
      this.#started.push({ ref: open.ref, runId: reply.runId, repeatedStart: reply.repeated, error: undefined });
    }
    if (held !== null) this.#retry(held, delayMs);
    this.#settle();
  }

  ended(ends: readonly RunEnd[]): void {
    if (this.#over) return;
    for (const end of ends) {
      const open = this.#open.get(end.ref);
      if (open === undefined || open.ended) continue;
      open.ended = true;
      if (open.envelope === null) this.#open.delete(end.ref);
      const message = inlineRunEndMessage(end, open.ref);
      if (message === undefined) this.#largeEnds.push({ end, ref: open.ref, place: this.#hold(open.ref) });
      else this.#pushEnd(message);
    }
    this.#settle();
  }

  #enter(ref: number, notifyEnd: boolean, command: StartRun): Envelope {
    this.#serial += 1;
    const envelope = { ref: this.#serial, command, notifyEnd };
    this.#open.set(this.#serial, { ref, envelope, ended: false });
    this.#unanswered += 1;
    return envelope;
  }

  /** A start whose input is being stored: it holds its place meanwhile. */
  #later(ref: number, notifyEnd: boolean, prepared: Promise<StartRun | Refused>): void {
    const place = this.#hold(ref);
    this.#unanswered += 1;
    prepared.then(
      (command) => {
        this.#open.delete(place);
        this.#unanswered -= 1;
        if (this.#over) return;
        if (command instanceof Refused) this.#refuse(ref, command.refusal);
        else this.#ports.shards.submit(this, [this.#enter(ref, notifyEnd, command)]);
        this.#settle();
      },
      () => this.#fail(unavailable("The input could not be stored.")),
    );
  }

  /** A place among what is open, so that the stream does not end before its time. */
  #hold(ref: number): number {
    this.#serial += 1;
    this.#open.set(this.#serial, { ref, envelope: null, ended: false });
    return this.#serial;
  }

  /** Whether the wire takes more. */
  async #loadEnd({ end, ref, place }: LargeEnd): Promise<boolean> {
    try {
      const message = await runEndMessage(this.#ports.blobs, end, ref);
      this.#open.delete(place);
      this.#pushEnd(message);
      this.#settle();
    } catch {
      this.#fail(unavailable("An output could not be read."));
    }
    return !this.#full;
  }

  #retry(held: readonly Envelope[], delayMs: number): void {
    this.#held += 1;
    this.#clock.after(delayMs, () => {
      this.#held -= 1;
      if (!this.#over) this.#ports.shards.submit(this, held);
    });
  }

  #refuse(ref: number, refused: Refusal): void {
    this.#started.push({ ref, runId: "", repeatedStart: false, error: startErrorOf(refused) });
    this.#flushSoon();
  }

  #pushEnd(message: RunEndMessage): void {
    if (this.#over) return;
    this.#ended.push(message);
    this.#endedBytes += message.output.length;
    if (this.#endedBytes >= FRAME_BYTES_MAX || this.#ended.length >= FRAME_ANSWERS_MAX) this.#flush();
  }

  /** After every change: what can be said is said soon, and the client is slowed down or not. */
  #settle(): void {
    if (this.#started.length > 0 || this.#ended.length > 0 || this.#halfClosed) this.#flushSoon();
    const crowded = this.#unanswered >= STARTS_IN_FLIGHT_MAX || this.#open.size >= ENDS_AWAITED_MAX;
    if (crowded || this.#full || this.#held > 0) this.#pause();
    // Half empty before it goes on, so that the client is not stopped and started for every frame.
    else if (this.#unanswered <= STARTS_IN_FLIGHT_MAX / 2 && this.#open.size <= ENDS_AWAITED_MAX / 2) this.#resume();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#wire.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#wire.resume();
  }

  #flushSoon(): void {
    if (this.#flushDue || this.#over) return;
    this.#flushDue = true;
    this.#clock.soon(() => {
      this.#flushDue = false;
      this.#flush();
      if (!this.#halfClosed || this.#open.size > 0 || this.#over) return;
      this.#over = true;
      this.#wire.end();
    });
  }

  #flush(): void {
    if (this.#over) return;
    while (this.#started.length + this.#ended.length > 0) {
      const started = this.#started.splice(0, FRAME_ANSWERS_MAX);
      const ended = this.#ended;
      this.#ended = [];
      const bytes = this.#endedBytes + 100 * (started.length + ended.length);
      this.#endedBytes = 0;
      if (this.#wire.send({ started, ended })) continue;
      this.#full = true;
      this.#unreadBytes += bytes;
      if (this.#unreadBytes > UNREAD_BYTES_MAX) this.#fail(unread());
    }
  }

  #fail(refused: Refused): void {
    if (this.#over) return;
    this.abandon();
    this.#wire.fail(refused);
  }
}

function unavailable(message: string): Refused {
  return new Refused({
    code: "SHARD_UNAVAILABLE",
    field: "",
    message,
    fix: "Open the stream again and send what was not answered, with the same idempotency keys.",
    retryDelayMs: 1_000,
  });
}

function unread(): Refused {
  return new Refused({
    code: "SHARD_OVERLOADED",
    field: "",
    message: `More than ${UNREAD_BYTES_MAX} bytes of answers were not read.`,
    fix: "Read answers while sending starts; runs that were started go on.",
    retryDelayMs: 1_000,
  });
}
