// The gateway's pool of workers: tasks from the shards out, results back in.
//
//   shards ── demand ──► pools (workers serving the same types) ◄── credits ── workers
//          ◄── pull ───┘                │ share                                  ▲
//          ── tasks ────────────────────┴── held, by token and deadline ── frames ┘
//          ◄── results ── batches ◄── report (or: time-out, worker lost)
//
// It owns the sessions, what each holds, and deadlines. It does not own the truth: whether a result counts is the
// shard's decision, so late and unknown results are handed in like any other. It has no wire and no timer of its own.
// 1. A worker is never sent more tasks than it granted credits.
// 2. A frame is settled only when every result in it was answered, and answers leave shards durable (I1).
// 3. A task that is held is not handed out again, though a shard that lost its memory offers it again.
// 4. While a worker has a task, a result for it counts from that worker alone, or from one that announced it as well.
import type { Clock } from "@millrace/clock/clock.ts";
import { failureOf } from "@millrace/errors/failure.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import type { Envelope, HeldAttempt, Shards, TaskSink } from "@millrace/link/link.ts";
import type { Failure } from "@millrace/model/failure.ts";
import type { Json } from "@millrace/model/payload.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { OwedAttempt, Task, TaskToken } from "@millrace/model/task.ts";
import { TICK_MS } from "./deadline-wheel.ts";
import { type HeldTask, HeldTasks, type LiveAttempt } from "./held-tasks.ts";
import { type BatchOwner, ResultBatch, recordReport, recordVerdict } from "./result-batch.ts";
import { tokenName } from "./task-token.ts";
import {
  RECONNECT_GRACE_MS,
  RESULTS_IN_FLIGHT_MAX,
  type ReportedResult,
  SILENCE_MS_MAX,
  WORKERS_MAX,
  type WorkerHello,
  type WorkerLink,
} from "./worker-link.ts";
import type { WorkerPool } from "./worker-pool.ts";
import { WorkerPools } from "./worker-pools.ts";
import { type SessionOwner, WorkerSession } from "./worker-session.ts";

export interface HubCounts {
  readonly sessions: number;
  readonly held: number;
  readonly resultsInFlight: number;
}

/** What a hub needs of the shards. */
export type HubShards = Pick<Shards, "pull" | "submit" | "hold" | "giveBack">;

export class TaskHub implements TaskSink, SessionOwner, BatchOwner {
  readonly #shards: HubShards;
  readonly #clock: Clock;
  readonly #held: HeldTasks;
  readonly #pools = new WorkerPools();
  readonly #sessions = new Set<WorkerSession>();
  /** Ended sessions that may come back for what they hold. */
  readonly #absent = new Set<WorkerSession>();
  /** Sessions with something to send. */
  #stirred: WorkerSession[] = [];
  #pumpDue = false;
  #ticking = false;
  #draining = false;
  #stopped = false;
  #resultsInFlight = 0;
  #serial = 0;

  constructor(shards: HubShards, clock: Clock) {
    this.#shards = shards;
    this.#clock = clock;
    this.#held = new HeldTasks(clock);
  }

  /** Takes in a worker. Refused when {@link WORKERS_MAX} are connected or the hub drains. */
  open(hello: WorkerHello, link: WorkerLink): WorkerSession | Refusal {
    if (this.#draining) return refusal("SHARD_UNAVAILABLE", { message: "The server is about to stop." });
    if (this.#sessions.size + this.#absent.size >= WORKERS_MAX) {
      return refusal("SHARD_OVERLOADED", {
        message: `${WORKERS_MAX} workers are connected, the most there may be.`,
        fix: "Let each worker process take more tasks at once, or stop workers that are not needed.",
        retryDelayMs: 5_000,
      });
    }
    const pool = this.#pools.of(hello.taskTypes);
    this.#serial += 1;
    const session = new WorkerSession(this, `w${this.#serial}`, pool, { hello, link });
    pool.sessions.push(session);
    // Whatever the pool knew of demand is of no use to the newcomer's first pull.
    pool.waiting = true;
    this.#sessions.add(session);
    const unknown: TaskToken[] = [];
    for (const token of hello.holding) {
      session.announced.add(tokenName(token));
      const held = this.#held.reclaim(session, token);
      if (held?.cancelled === true) session.cancels.push(token);
      if (held?.timeoutMs === 0) unknown.push(token);
    }
    this.#shards.hold(unknown);
    if (session.cancels.length > 0) this.stir(session);
    this.#keepTicking();
    return session;
  }

  /** Tasks of this type wait at some shard. */
  demand(taskType: string): void {
    for (const pool of this.#pools.serving(taskType)) {
      pool.waiting = true;
      this.#pumpSoon();
    }
  }

  /** Asks the workers that hold these to stop. Their results are still wanted. */
  withdraw(tokens: readonly TaskToken[]): void {
    for (const token of tokens) {
      const held = this.#held.find(token);
      if (held !== undefined) this.#cancel(held);
    }
  }

  moved(tokens: readonly TaskToken[]): void {
    this.#held.moved(tokens);
  }

  owed(attempts: readonly OwedAttempt[]): void {
    // Their worker may have left meanwhile.
    this.#shards.giveBack(attempts.filter((attempt) => !this.#held.learn(attempt)));
    this.#keepTicking();
  }

  *holding(): Iterable<HeldAttempt> {
    yield* this.#held.all();
    for (const pool of this.#pools.all())
      for (const task of pool.backlog) yield { ...task, isKnown: true, isPresent: true };
  }

  /** What is known of an attempt that a worker of this gateway holds. */
  live(token: TaskToken): LiveAttempt | undefined {
    return this.#held.live(token);
  }

  counts(): HubCounts {
    return { sessions: this.#sessions.size, held: this.#held.size, resultsInFlight: this.#resultsInFlight };
  }

  /** Hands out nothing more and tells every worker to finish. */
  drain(): void {
    this.#draining = true;
    for (const session of this.#sessions) this.stir(session);
  }

  /** Whether nothing is held and no result is on its way. */
  idle(): boolean {
    return this.#held.size === 0 && this.#resultsInFlight === 0;
  }

  /**
   * Ends every session without a verdict: what is held stays owed by the shards, and workers announce it to the
   * process they reconnect to.
   */
  stop(): void {
    for (const session of this.#stirred) this.#flush(session);
    this.#stopped = true;
    this.#draining = true;
    for (const session of [...this.#sessions]) {
      session.end("the server stops");
      session.link.close("the server stops");
    }
    this.#absent.clear();
  }

  // What sessions call.

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  stir(session: WorkerSession): void {
    if (!session.stirred) {
      session.stirred = true;
      this.#stirred.push(session);
    }
    this.#pumpSoon();
  }

  report(session: WorkerSession, frame: number, results: readonly ReportedResult[]): boolean {
    const envelopes: Envelope[] = [];
    for (const result of results) {
      const envelope = this.#recordOf(session, result, envelopes.length);
      if (envelope !== null) envelopes.push(envelope);
    }
    session.openFrames += 1;
    session.resultsInFlight += envelopes.length;
    this.#handIn(new ResultBatch(this, envelopes, session, frame));
    session.paused = session.resultsInFlight > RESULTS_IN_FLIGHT_MAX;
    return !session.paused;
  }

  received(session: WorkerSession, token: TaskToken): void {
    const held = this.#held.find(token);
    if (held?.session === session) this.#held.disarm(held);
  }

  judgeResult(session: WorkerSession, result: ReportedResult): void {
    const envelope = this.#recordOf(session, result, 0);
    if (envelope !== null) this.#handIn(new ResultBatch(this, [envelope], null, 0));
  }

  beat(session: WorkerSession, token: TaskToken, progress: Json | null): void {
    const held = this.#held.find(token);
    if (held === undefined || held.session !== session || progress === null) return;
    held.progress = progress;
  }

  end(session: WorkerSession, reason: string): void {
    if (session.ended) return;
    session.ended = true;
    session.lostReason = reason;
    this.#sessions.delete(session);
    const at = session.pool.sessions.indexOf(session);
    if (at >= 0) session.pool.sessions.splice(at, 1);
    // What was never sent is treated like what was: nobody here can tell how far the wire carried it.
    if (session.held.size > 0) {
      session.graceUntilMs = this.#clock.monotonicMs() + RECONNECT_GRACE_MS;
      this.#absent.add(session);
      this.#keepTicking();
    }
    this.#pools.dropUnused(session.pool);
  }

  // What batches call.

  submit(batch: ResultBatch, envelopes: readonly Envelope[]): void {
    if (!this.#stopped) this.#shards.submit(batch, envelopes);
  }

  retryLater(delayMs: number, retry: () => void): void {
    this.#clock.after(delayMs, retry);
  }

  answered(batch: ResultBatch, count: number): void {
    this.#resultsInFlight -= count;
    const { session } = batch;
    if (session === null) return;
    session.resultsInFlight -= count;
    if (batch.open === 0) {
      session.openFrames -= 1;
      session.settled.push(batch.frame);
      this.stir(session);
    }
    if (session.paused && session.resultsInFlight <= RESULTS_IN_FLIGHT_MAX / 2) {
      session.paused = false;
      session.link.resume();
    }
  }

  #pumpSoon(): void {
    if (this.#pumpDue || this.#stopped) return;
    this.#pumpDue = true;
    this.#clock.soon(() => this.#pump());
  }

  /** One turn: a pull for each pool that can take tasks, then one frame for each session that has something to say. */
  #pump(): void {
    this.#pumpDue = false;
    if (this.#stopped) return;
    if (!this.#draining) for (const pool of this.#pools.all()) this.#pull(pool);
    const stirred = this.#stirred;
    this.#stirred = [];
    for (const session of stirred) this.#flush(session);
  }

  #pull(pool: WorkerPool): void {
    if (pool.backlog.length > 0) this.#place(pool, []);
    const wanted = pool.ask();
    if (wanted === 0) return;
    this.#shards.pull(pool.taskTypes, wanted, (tasks, released) => {
      pool.asked -= tasks.length + released;
      if (this.#stopped) return;
      // Where something was, there may be more; a short answer proves nothing, because shards share the credits.
      if (tasks.length > 0) {
        pool.waiting = true;
        this.#place(pool, tasks);
      }
      if (pool.waiting) this.#pumpSoon();
      this.#pools.dropUnused(pool);
    });
  }

  #place(pool: WorkerPool, pulled: readonly Task[]): void {
    const wasEmpty = pool.backlog.length === 0;
    const tasks = wasEmpty ? pulled : [...pool.backlog, ...pulled];
    const placed = pool.share(tasks, (session, task) => this.#hand(session, task));
    pool.backlog = placed === tasks.length ? [] : tasks.slice(placed);
    if (wasEmpty && pool.backlog.length > 0) pool.backlogSinceMs = this.#clock.monotonicMs();
    this.#keepTicking();
  }

  #hand(session: WorkerSession, task: Task): void {
    const idle = session.held.size === 0;
    if (!this.#held.hand(session, task)) return;
    // Silence counts from the first task on: a worker that holds nothing need not send anything.
    if (idle) session.heard();
    session.credits -= 1;
    session.tasks.push(task);
    this.stir(session);
  }

  #cancel(held: HeldTask): void {
    held.cancelled = true;
    if (held.session.ended) return;
    held.session.cancels.push(held.token);
    this.stir(held.session);
  }

  #flush(session: WorkerSession): void {
    session.stirred = false;
    if (session.ended) return;
    const { tasks, cancels, settled } = session;
    if (tasks.length + cancels.length + settled.length > 0 || this.#draining) {
      session.tasks = [];
      session.cancels = [];
      session.settled = [];
      if (!session.link.send({ tasks, cancels, settled, draining: this.#draining })) session.corked = true;
    }
    if (!session.finishing || session.openFrames > 0) return;
    session.end("it closed its stream");
    session.link.close("");
  }

  // Deadlines, silence, and workers that do not come back.

  #keepTicking(): void {
    if (this.#ticking || this.#stopped) return;
    this.#ticking = true;
    this.#clock.after(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    this.#ticking = false;
    if (this.#stopped) return;
    const nowMs = this.#clock.monotonicMs();
    for (const held of this.#held.expire(nowMs)) {
      this.#cancel(held);
      this.#judge([held], failureOf("ATTEMPT_TIMEOUT", `The attempt did not finish within ${held.timeoutMs} ms.`));
    }
    for (const session of this.#sessions) {
      if (session.held.size === 0 || !session.listening || nowMs - session.heardMs < SILENCE_MS_MAX) continue;
      const reason = `it was silent for ${SILENCE_MS_MAX} ms`;
      session.end(reason);
      session.link.close(reason);
    }
    for (const session of this.#absent) {
      if (session.held.size === 0 || nowMs >= session.graceUntilMs) this.#giveUp(session);
    }
    let backlog = false;
    for (const pool of this.#pools.all()) {
      if (pool.backlog.length === 0) continue;
      if (nowMs - pool.backlogSinceMs >= RECONNECT_GRACE_MS) this.#giveUpBacklog(pool);
      else backlog = true;
    }
    if (this.#held.size > 0 || this.#absent.size > 0 || backlog) this.#keepTicking();
  }

  #giveUp(session: WorkerSession): void {
    this.#absent.delete(session);
    const lost: HeldTask[] = [];
    const unknown: TaskToken[] = [];
    for (const held of session.held) {
      this.#held.release(held);
      // Nobody has said when one began that no shard has told of: it is not a lost attempt.
      if (held.timeoutMs > 0) lost.push(held);
      else unknown.push(held.token);
    }
    this.#shards.giveBack(unknown);
    this.#judge(lost, failureOf("WORKER_LOST", `The worker ${session.worker} was lost: ${session.lostReason}.`));
  }

  #giveUpBacklog(pool: WorkerPool): void {
    const { backlog } = pool;
    pool.backlog = [];
    this.#shards.giveBack(backlog);
    this.#pools.dropUnused(pool);
  }

  /** Hands in a verdict of the hub's own on attempts it has released. */
  #judge(lost: readonly HeldTask[], failure: Failure): void {
    if (lost.length > 0) this.#handIn(new ResultBatch(this, recordVerdict(lost, failure), null, 0));
  }

  /** The command for a result; the task is nobody's from now on. null = it counts for nothing. */
  #recordOf(session: WorkerSession, result: ReportedResult, ref: number): Envelope | null {
    const held = this.#held.find(result);
    const envelope = recordReport(ref, result, session, held);
    if (held !== undefined && envelope !== null) this.#held.release(held);
    return envelope;
  }

  #handIn(batch: ResultBatch): void {
    this.#resultsInFlight += batch.open;
    if (batch.open === 0) this.answered(batch, 0);
    else this.submit(batch, batch.envelopes);
  }
}
