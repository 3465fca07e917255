import { refusal } from "@millrace/errors/refusal.ts";
import { type WorkerName, workerName } from "@millrace/model/ids.ts";
import type { Json } from "@millrace/model/payload.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { Task, TaskToken } from "@millrace/model/task.ts";
import type { HeldTask } from "./held-tasks.ts";
import { CREDITS_MAX, type ReportedResult, type WorkerHello, type WorkerLink } from "./worker-link.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** What a session asks of its hub. */
export interface SessionOwner {
  monotonicMs(): number;
  /** The session has something to send, or can take tasks again. */
  stir(session: WorkerSession): void;
  report(session: WorkerSession, frame: number, results: readonly ReportedResult[]): boolean;
  received(session: WorkerSession, token: TaskToken): void;
  judgeResult(session: WorkerSession, result: ReportedResult): void;
  beat(session: WorkerSession, token: TaskToken, progress: Json | null): void;
  end(session: WorkerSession, reason: string): void;
}

/** One worker's stream. The transport calls its methods; the hub reads and writes its fields. */
export class WorkerSession {
  readonly id: string;
  readonly hello: WorkerHello;
  readonly worker: WorkerName;
  readonly link: WorkerLink;
  readonly pool: WorkerPool;
  /** What it has in its hands. */
  readonly held = new Set<HeldTask>();
  /** Names of the attempts it announced: their results count, even if another worker has one by then and makes it twice. */
  readonly announced = new Set<string>();
  /** Result frames on their way. */
  openFrames = 0;
  /** Waiting for the next frame out. */
  tasks: Task[] = [];
  cancels: TaskToken[] = [];
  settled: number[] = [];
  stirred = false;
  /** How many more tasks the worker granted. */
  credits = 0;
  draining = false;
  /** The worker has half-closed: the stream ends when its frames are settled. */
  finishing = false;
  /** The wire is full. */
  corked = false;
  /** `report` answered false and `resume` is owed. */
  paused = false;
  resultsInFlight = 0;
  /** Whether its frames are read: otherwise its silence is not its own. */
  listening = true;
  heardMs: number;
  /** Whether the stream is gone. */
  ended = false;
  /** Monotonic ms until when it keeps its attempts after `ended`, and why it ended. */
  graceUntilMs = 0;
  lostReason = "";
  readonly #owner: SessionOwner;

  constructor(owner: SessionOwner, id: string, pool: WorkerPool, worker: { hello: WorkerHello; link: WorkerLink }) {
    this.#owner = owner;
    this.id = id;
    this.pool = pool;
    this.hello = worker.hello;
    this.link = worker.link;
    this.worker = workerName(`${worker.hello.name}@${worker.hello.build}`);
    this.heardMs = owner.monotonicMs();
  }

  /** How many tasks may be handed to it now. */
  free(): number {
    return this.ended || this.draining || this.corked ? 0 : this.credits;
  }

  /** Whether the transport reads the worker's frames. */
  listens(listening: boolean): void {
    this.listening = listening;
    if (listening) this.heard();
  }

  /** The result of an attempt has come and waits for room; no time-out strikes it any more. */
  received(token: TaskToken): void {
    this.#owner.received(this, token);
  }

  /** Every frame of the worker is a sign of life. */
  heard(): void {
    this.heardMs = this.#owner.monotonicMs();
  }

  /** The worker can take `count` more tasks. Refused beyond {@link CREDITS_MAX} in all. */
  grant(count: number): Refusal | null {
    if (this.credits + count > CREDITS_MAX) {
      return refusal("INVALID_ARGUMENT", {
        field: "credits",
        message: `credits is ${count} on top of ${this.credits} unused ones; at most ${CREDITS_MAX} may be open.`,
        fix: "Grant one credit for each task that may run at the same time, and one again for each task that ended.",
      });
    }
    this.credits += count;
    this.#owner.stir(this);
    return null;
  }

  /**
   * Hands in a frame's results; its number comes back in `settled` when all of them are durable. Takes them in any
   * case; false = take no more frames from the worker until the link's `resume()`.
   */
  report(frame: number, results: readonly ReportedResult[]): boolean {
    return this.#owner.report(this, frame, results);
  }

  /** A task that could not be sent: its credit is the worker's again. */
  returnTask(result: ReportedResult): void {
    this.credits += 1;
    this.#owner.judgeResult(this, result);
  }

  /** A long attempt is alive; `progress` null = unchanged. Unknown attempts are passed over. */
  beat(token: TaskToken, progress: Json | null): void {
    this.#owner.beat(this, token, progress);
  }

  /** The worker takes no more tasks. */
  drain(): void {
    this.draining = true;
  }

  /** The worker half-closed. What it still holds is lost; the link is closed when its frames are settled. */
  finish(): void {
    this.draining = true;
    this.finishing = true;
    this.#owner.stir(this);
  }

  /** The wire takes frames again after `send` answered false. */
  writable(): void {
    if (!this.corked) return;
    this.corked = false;
    this.#owner.stir(this);
  }

  /** The stream is over, for whatever reason. */
  end(reason: string): void {
    this.#owner.end(this, reason);
  }
}
