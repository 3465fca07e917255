// A worker: takes tasks from the hub of whichever process serves, and answers late, twice, wrongly or never.
import type { CancelTimer } from "@millrace/clock/clock.ts";
import type { Prng } from "@millrace/clock/prng.ts";
import {
  HEARTBEAT_INTERVAL_MS,
  type ReportedResult,
  type WorkerFrame,
  type WorkerLink,
} from "@millrace/gateway/tasks/worker-link.ts";
import { WorkerSession } from "@millrace/gateway/tasks/worker-session.ts";
import type { Failure, FailureClass } from "@millrace/model/failure.ts";
import { tenantId } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { Task, TaskOutcome, TaskToken } from "@millrace/model/task.ts";
import { attemptName } from "../checkers/truth.ts";
import { between, pick, weighted } from "../choice.ts";
import type { Server } from "../server.ts";
import type { Scene } from "./scene.ts";

const CREDITS = 6;
/** Long enough for a dead worker's tasks to be given up, and short enough for a live one to keep them. */
const RECONNECT_MS_MAX = 9_000;

/** A task in its hands. */
interface Job {
  readonly task: TaskToken;
  timer: CancelTimer | null;
}

export class Worker implements WorkerLink {
  readonly #scene: Scene;
  readonly #prng: Prng;
  readonly #name: string;
  readonly #taskTypes: readonly string[];
  #session: WorkerSession | null = null;
  #server: Server | null = null;
  readonly #jobs = new Map<string, Job>();
  /** Result frames that are not settled, by number. */
  readonly #frames = new Map<number, readonly ReportedResult[]>();
  /** Names of the attempts it announced on this stream. */
  #announced: ReadonlySet<string> = new Set();
  /** Frames with a result that counts for nothing, because another worker has the attempt. */
  readonly #idle = new Set<number>();
  #frame = 0;
  #build = 1;
  #isCalm = false;
  #isSilent = false;

  constructor(scene: Scene, prng: Prng, name: string, taskTypes: readonly string[]) {
    this.#scene = scene;
    this.#prng = prng;
    this.#name = name;
    this.#taskTypes = taskTypes;
    this.#beat();
  }

  /** Answers promptly from now on, and mostly well. */
  calm(): void {
    this.#isCalm = true;
    this.#isSilent = false;
  }

  /** Opens a session, announces what it holds and repeats what was not settled. */
  connect(server: Server): void {
    if (this.#session !== null || server.isDead) return;
    const unsettled = [...this.#frames.values()].flat();
    const holding = [...this.#jobs.values()].map(({ task }): TaskToken => task).concat(unsettled);
    const hello = {
      name: this.#name,
      build: `b${this.#build}`,
      taskTypes: this.#taskTypes,
      holding,
      tenant: tenantId("nobody"),
    };
    const session = server.hub.open(hello, this);
    if (!(session instanceof WorkerSession)) return;
    this.#session = session;
    this.#server = server;
    this.#announced = new Set(holding.map(attemptName));
    if (holding.length > 0) this.#scene.coverage.count("fault: worker reconnected");
    for (const [frame, results] of this.#frames) this.#send(session, frame, results);
    session.grant(Math.max(0, CREDITS - this.#jobs.size));
  }

  /** The process died, or the stream broke. Comes back later by itself if the process is still there. */
  disconnect(): void {
    const server = this.#server;
    this.#session = null;
    this.#server = null;
    if (server === null || server.isDead) return;
    this.#scene.clock.after(this.#prng.below(RECONNECT_MS_MAX), () => this.connect(server));
  }

  /** Something happens to it. */
  suffer(): void {
    const session = this.#session;
    if (session === null || this.#isCalm) return;
    const fate = weighted(this.#prng, [
      ["dies", 3],
      ["breaks", 3],
      ["silent", 2],
      ["drains", 2],
    ]);
    switch (fate) {
      case "dies":
        this.#scene.coverage.count("fault: worker died");
        this.#haunt();
        this.#forgetAll();
        this.#build++;
        session.end("it died");
        return this.disconnect();
      case "breaks":
        session.end("the stream broke");
        return this.disconnect();
      case "silent":
        this.#scene.coverage.count("fault: worker silent");
        this.#isSilent = true;
        this.#scene.clock.after(between(this.#prng, 5_000, 30_000), () => {
          this.#isSilent = false;
        });
        return;
      case "drains":
        this.#scene.coverage.count("fault: worker drained");
        return session.finish();
    }
  }

  // What the hub calls.

  send(frame: WorkerFrame): boolean {
    if (this.#server?.isDead !== false) return true;
    for (const number of frame.settled) this.#settled(number);
    for (const task of frame.tasks) this.#take(task);
    for (const token of frame.cancels) this.#stop(token);
    return true;
  }

  resume(): void {}

  close(_reason: string): void {
    this.disconnect();
  }

  #settled(number: number): void {
    const results = this.#frames.get(number);
    if (results === undefined) return;
    this.#frames.delete(number);
    if (!this.#idle.delete(number)) this.#scene.see({ type: "settled", tokens: results });
  }

  #take(task: Task): void {
    this.#scene.see({ type: "task", task });
    const name = attemptName(task);
    // A process that lost its memory offers it again: it is being worked on.
    if (this.#jobs.has(name)) return;
    const job: Job = { task, timer: null };
    this.#jobs.set(name, job);
    this.#plan(job, task);
  }

  #plan(job: Job, task: Task): void {
    const pace = this.#isCalm
      ? "quick"
      : weighted(this.#prng, [
          ["quick", 30],
          ["slow", 5],
          ["late", 2],
          ["never", 2],
        ]);
    if (pace === "late") this.#scene.coverage.count("fault: result late");
    if (pace === "never") {
      this.#scene.coverage.count("fault: result never");
      return;
    }
    const delayMs =
      pace === "quick"
        ? this.#prng.below(60)
        : pace === "slow"
          ? this.#prng.below(15_000)
          : Math.min(task.timeoutMs, 60_000) + this.#prng.below(3_000);
    job.timer = this.#scene.clock.after(delayMs, () => void this.#finish(task));
  }

  async #finish(task: TaskToken): Promise<void> {
    const outcome = await this.#outcome(task);
    const job = this.#jobs.get(attemptName(task));
    if (job === undefined) return;
    this.#report(job, outcome);
    if (this.#isCalm || !this.#prng.chance(0.06)) return;
    // Once more, in a frame of its own, perhaps with another outcome.
    this.#scene.coverage.count("fault: result twice");
    const again = await this.#outcome(task);
    this.#scene.clock.after(this.#prng.below(2_000), () => this.#frameOf([resultOf(task, again)]));
  }

  async #outcome(task: TaskToken): Promise<TaskOutcome> {
    const drawn = weighted(this.#prng, [
      ["value", 60],
      ["blob", 12],
      ["transient", this.#isCalm ? 2 : 14],
      ["permanent", 3],
      ["uncertain", 2],
      ["cancelled", 1],
    ]);
    switch (drawn) {
      case "value":
        return { type: "completed", output: json(`{"v":${this.#prng.below(100)},"status":"good"}`) };
      case "blob": {
        this.#scene.coverage.count("fault: blob of a result");
        const output = await this.#scene.blobs.put(
          task.runId,
          Buffer.from(`{"v":${this.#prng.below(100)},"large":${this.#prng.next32()}}`),
        );
        return { type: "completed", output };
      }
      case "cancelled":
        return { type: "cancelled" };
      default:
        return { type: "failed", failure: failure(drawn, this.#prng) };
    }
  }

  #report(job: Job, outcome: TaskOutcome): void {
    job.timer?.();
    this.#jobs.delete(attemptName(job.task));
    this.#frameOf([resultOf(job.task, outcome)]);
    this.#session?.grant(1);
  }

  #frameOf(results: readonly ReportedResult[]): void {
    this.#frame++;
    this.#frames.set(this.#frame, results);
    this.#scene.coverage.count("command: result", results.length);
    this.#session?.heard();
    if (this.#session !== null) this.#send(this.#session, this.#frame, results);
  }

  #send(session: WorkerSession, frame: number, results: readonly ReportedResult[]): void {
    this.#idle.delete(frame);
    if (results.some((result) => this.#isOfAnother(session, result))) {
      this.#scene.coverage.count("fault: result of another's attempt");
      this.#idle.add(frame);
    }
    session.report(frame, results);
  }

  #isOfAnother(session: WorkerSession, token: TaskToken): boolean {
    const holder = this.#server?.hub.live(token)?.worker;
    return holder !== undefined && holder !== session.worker && !this.#announced.has(attemptName(token));
  }

  /** What it was given before it died is reported by its successor now and then, which never had it. */
  #haunt(): void {
    const [job] = this.#jobs.values();
    if (job === undefined || !this.#prng.chance(0.5)) return;
    const { task } = job;
    const result = resultOf(task, { type: "completed", output: json('{"v":0,"status":"haunted"}') });
    this.#scene.clock.after(this.#prng.below(RECONNECT_MS_MAX), () => this.#frameOf([result]));
  }

  #stop(token: TaskToken): void {
    const job = this.#jobs.get(attemptName(token));
    if (job === undefined || this.#prng.chance(0.2)) return;
    this.#report(job, { type: "cancelled" });
  }

  #beat(): void {
    this.#scene.clock.after(HEARTBEAT_INTERVAL_MS, () => {
      if (!this.#isSilent) this.#session?.heard();
      this.#beat();
    });
  }

  #forgetAll(): void {
    for (const { timer } of this.#jobs.values()) timer?.();
    this.#jobs.clear();
    this.#frames.clear();
    this.#idle.clear();
  }
}

function resultOf({ runId, epoch, step, item, attempt }: TaskToken, outcome: TaskOutcome): ReportedResult {
  return { runId, epoch, step, item, attempt, outcome, logs: null };
}

function failure(kind: FailureClass, prng: Prng): Failure {
  const code = pick(prng, ["BROKEN", "BUSY", "WORKER_LOST"]);
  const retryAfterMs = prng.chance(0.1) ? between(prng, 1, 20_000) : 0;
  return { code, class: kind, message: `It was ${kind}.`, guidance: "", retryAfterMs };
}
