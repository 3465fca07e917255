import type { Clock } from "@millrace/clock/clock.ts";
import type { HeldAttempt } from "@millrace/link/link.ts";
import type { RunId, TenantId, WorkerName } from "@millrace/model/ids.ts";
import type { Json } from "@millrace/model/payload.ts";
import type { OwedAttempt, Task, TaskToken } from "@millrace/model/task.ts";
import { DeadlineWheel } from "./deadline-wheel.ts";
import { keyInRun } from "./task-token.ts";
import type { WorkerSession } from "./worker-session.ts";

/** An attempt in a worker's hands. One shape, all fields set at creation: there are tens of thousands a second. */
export interface HeldTask {
  readonly token: TaskToken;
  tenant: TenantId;
  session: WorkerSession;
  /** Epoch ms when it was handed out; 0 = before this process began. */
  readonly startedMs: number;
  /** 0 = unknown: announced by the worker, not yet seen from a shard. */
  timeoutMs: number;
  /** Monotonic ms when the attempt is over; 0 = never. */
  deadlineMs: number;
  /** Whether the worker is to stop it. */
  cancelled: boolean;
  progress: Json | null;
  /** Neighbours in the deadline wheel's bucket; the wheel's alone to change. */
  earlier: HeldTask | null;
  later: HeldTask | null;
}

/** What an attempt under way looks like from outside. */
export interface LiveAttempt {
  /** 0 = it began before this process did. */
  readonly startedMs: number;
  readonly worker: WorkerName;
  /** What it last reported; null = nothing. */
  readonly progress: Json | null;
}

/** The attempts of one run: nearly always one, so a map of its own is made only for a second. */
type OfRun = HeldTask | Map<number, HeldTask>;

/** Every attempt in some worker's hands: by token, by session, and by deadline. */
export class HeldTasks {
  readonly #clock: Clock;
  readonly #byRun = new Map<RunId, OfRun>();
  #size = 0;
  readonly #wheel: DeadlineWheel;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wheel = new DeadlineWheel(clock.monotonicMs());
  }

  get size(): number {
    return this.#size;
  }

  find(token: TaskToken): HeldTask | undefined {
    const ofRun = this.#byRun.get(token.runId);
    if (ofRun === undefined) return undefined;
    if (ofRun instanceof Map) return ofRun.get(keyInRun(token));
    return keyInRun(ofRun.token) === keyInRun(token) ? ofRun : undefined;
  }

  live(token: TaskToken): LiveAttempt | undefined {
    const held = this.find(token);
    if (held === undefined) return undefined;
    return { startedMs: held.startedMs, worker: held.session.worker, progress: held.progress };
  }

  /**
   * The session has the task from now on. false = some worker has it already; then what only the shard knew of it is
   * filled in, and it is not to be sent again.
   */
  hand(session: WorkerSession, task: Task): boolean {
    const known = this.find(task);
    if (known === undefined) {
      const held = this.#keep(session, task, this.#clock.nowMs());
      held.tenant = task.tenant;
      this.#arm(held, task.timeoutMs);
      return true;
    }
    this.#learn(known, task);
    return false;
  }

  /** Fills in what a shard knows of an attempt that some worker announced. false = no worker has it. */
  learn(attempt: OwedAttempt): boolean {
    const known = this.find(attempt);
    if (known !== undefined) this.#learn(known, attempt);
    return known !== undefined;
  }

  *all(): Iterable<HeldAttempt> {
    for (const ofRun of this.#byRun.values())
      for (const { token, timeoutMs, session } of ofRun instanceof Map ? ofRun.values() : [ofRun]) {
        const { runId, epoch, step, item, attempt } = token;
        yield { runId, epoch, step, item, attempt, isKnown: timeoutMs > 0, isPresent: !session.ended };
      }
  }

  /** Releases what workers came back with elsewhere. One that is still here makes it twice, and keeps it. */
  moved(tokens: readonly TaskToken[]): void {
    for (const token of tokens) {
      const held = this.find(token);
      if (held?.session.ended === true) this.release(held);
    }
  }

  /** A worker announces on a new stream what it works on. Passed over when another worker has it. */
  reclaim(session: WorkerSession, token: TaskToken): HeldTask | undefined {
    const known = this.find(token);
    if (known === undefined) return this.#keep(session, token, 0);
    if (known.session.worker !== session.worker) return undefined;
    known.session.held.delete(known);
    known.session = session;
    session.held.add(known);
    // Its result had come on the last stream and was not kept.
    if (known.timeoutMs > 0 && known.deadlineMs === 0) this.#arm(known, known.timeoutMs);
    return known;
  }

  /** No deadline strikes it any more. */
  disarm(held: HeldTask): void {
    if (held.deadlineMs > 0) this.#wheel.remove(held);
    held.deadlineMs = 0;
  }

  release(held: HeldTask): void {
    const { runId } = held.token;
    const ofRun = this.#byRun.get(runId);
    if (ofRun instanceof Map) {
      ofRun.delete(keyInRun(held.token));
      if (ofRun.size === 0) this.#byRun.delete(runId);
    } else this.#byRun.delete(runId);
    this.#size--;
    held.session.held.delete(held);
    if (held.deadlineMs > 0) this.#wheel.remove(held);
  }

  /** Releases and returns what is past its deadline. */
  expire(nowMs: number): HeldTask[] {
    const due = this.#wheel.expire(nowMs);
    for (const held of due) this.release(held);
    return due;
  }

  #keep(session: WorkerSession, token: TaskToken, startedMs: number): HeldTask {
    const held: HeldTask = {
      token,
      tenant: session.hello.tenant,
      session,
      startedMs,
      timeoutMs: 0,
      deadlineMs: 0,
      cancelled: false,
      progress: null,
      earlier: null,
      later: null,
    };
    this.#file(held);
    session.held.add(held);
    return held;
  }

  #learn(held: HeldTask, { tenant, timeoutMs }: OwedAttempt): void {
    if (held.timeoutMs > 0) return;
    held.tenant = tenant;
    this.#arm(held, timeoutMs);
  }

  #file(held: HeldTask): void {
    const { runId } = held.token;
    const ofRun = this.#byRun.get(runId);
    if (ofRun === undefined) this.#byRun.set(runId, held);
    else if (ofRun instanceof Map) ofRun.set(keyInRun(held.token), held);
    else this.#byRun.set(runId, new Map([ofRun, held].map((each) => [keyInRun(each.token), each])));
    this.#size++;
  }

  #arm(held: HeldTask, timeoutMs: number): void {
    held.timeoutMs = timeoutMs;
    held.deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    this.#wheel.add(held);
  }
}
