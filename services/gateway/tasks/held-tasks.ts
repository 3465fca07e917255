import type { Clock } from "@millrace/clock/clock.ts";
import type { TenantId } from "@millrace/model/ids.ts";
import type { Json } from "@millrace/model/payload.ts";
import type { Task, TaskToken } from "@millrace/model/task.ts";
import { DeadlineWheel } from "./deadline-wheel.ts";
import type { WorkerSession } from "./worker-session.ts";

/** An attempt in a worker's hands. One shape, all fields set at creation: there are tens of thousands a second. */
export interface HeldTask {
  readonly key: string;
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
}

/** A token as a map key: the run's ID first, because that is where keys differ. */
function tokenKey(token: TaskToken): string {
  return `${token.runId}${token.step}:${token.item}:${token.attempt}:${token.epoch}`;
}

/** Every attempt in some worker's hands: by token, by session, and by deadline. */
export class HeldTasks {
  readonly #clock: Clock;
  readonly #byKey = new Map<string, HeldTask>();
  readonly #wheel: DeadlineWheel;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wheel = new DeadlineWheel(clock.monotonicMs());
  }

  get size(): number {
    return this.#byKey.size;
  }

  find(token: TaskToken): HeldTask | undefined {
    return this.#byKey.get(tokenKey(token));
  }

  /**
   * The session has the task from now on. false = some worker has it already; then what only the shard knew of it is
   * filled in, and it is not to be sent again.
   */
  hand(session: WorkerSession, task: Task): boolean {
    const key = tokenKey(task);
    const known = this.#byKey.get(key);
    if (known === undefined) {
      const held = this.#keep(key, session, task, this.#clock.nowMs());
      held.tenant = task.tenant;
      this.#arm(held, task.timeoutMs);
      return true;
    }
    if (known.timeoutMs === 0) {
      known.tenant = task.tenant;
      this.#arm(known, task.timeoutMs);
    }
    return false;
  }

  /** A worker announces on a new stream what it works on. Passed over when another worker has it. */
  reclaim(session: WorkerSession, token: TaskToken): HeldTask | undefined {
    const key = tokenKey(token);
    const known = this.#byKey.get(key);
    if (known === undefined) return this.#keep(key, session, token, 0);
    if (known.session.worker !== session.worker) return undefined;
    known.session.held.delete(known);
    known.session = session;
    session.held.add(known);
    return known;
  }

  release(held: HeldTask): void {
    this.#byKey.delete(held.key);
    held.session.held.delete(held);
    if (held.deadlineMs > 0) this.#wheel.remove(held);
  }

  /** Releases and returns what is past its deadline. */
  expire(nowMs: number): HeldTask[] {
    const due = this.#wheel.expire(nowMs);
    for (const held of due) this.release(held);
    return due;
  }

  #keep(key: string, session: WorkerSession, token: TaskToken, startedMs: number): HeldTask {
    const held: HeldTask = {
      key,
      token,
      tenant: session.hello.tenant,
      session,
      startedMs,
      timeoutMs: 0,
      deadlineMs: 0,
      cancelled: false,
      progress: null,
    };
    this.#byKey.set(key, held);
    session.held.add(held);
    return held;
  }

  #arm(held: HeldTask, timeoutMs: number): void {
    held.timeoutMs = timeoutMs;
    held.deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    this.#wheel.add(held);
  }
}
