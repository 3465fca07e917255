// Tasks waiting for workers: a queue a task type, in which tenants take turns (I7).
// It owns which attempts wait or are held by a worker, and nothing durable: after a crash `resume` fills it again. What it
// is then owed may be in the hands of workers that are about to come back, so it waits for them (`holdBack`).

import { FairQueue } from "@millrace/core/fairness/fair-queue.ts";
import type { PlanStep } from "@millrace/core/plan/plan.ts";
import { inputPayload } from "@millrace/core/run/input.ts";
import { taskOf } from "@millrace/core/run/task-state.ts";
import type { TaskHolder } from "@millrace/link/local-shard.ts";
import type { StepInput } from "@millrace/model/payload.ts";
import type { Task, TaskToken } from "@millrace/model/task.ts";
import type { Actor, DispatchedTask } from "../actors.ts";
import type { Withdrawal } from "../turn.ts";
import { fileTask, findTask, tasksOf } from "./run-tasks.ts";

/** Tenants take turns task by task. */
const QUANTUM = 1;
/** Entries of tasks that wait no more that may lie in a queue, each holding on to its run. */
const STALE_MAX = 256;

/** The tasks of one type that wait. */
interface TypeQueue {
  readonly queue: FairQueue<DispatchedTask>;
  /** How many of its entries wait no more. */
  stale: number;
}

export class Dispatch {
  readonly #queues = new Map<string, TypeQueue>();
  /** Task types with something new since the last announcement. */
  readonly #news = new Set<string>();
  readonly #holders: ReadonlySet<TaskHolder>;
  /** Attempts that an earlier process may have given out; null = nobody is waited for. */
  #doubtful: DispatchedTask[] | null = null;

  constructor(holders: ReadonlySet<TaskHolder>) {
    this.#holders = holders;
  }

  /** Lets an attempt wait for a worker. One it knows already is left as it is. */
  add(task: DispatchedTask): void {
    if (isKnown(task)) return;
    fileTask(task);
    this.#enqueue(task);
  }

  /** From now on until {@link giveOut} what is owed since before this time of service waits for workers that may have it. */
  holdBack(): void {
    this.#doubtful = [];
  }

  /** As {@link add}, for an attempt that is owed since before this time of service. */
  owe(task: DispatchedTask): void {
    if (this.#doubtful === null) return this.add(task);
    if (isKnown(task)) return;
    task.state = "doubtful";
    fileTask(task);
    this.#doubtful.push(task);
  }

  /** An attempt that is owed is in this holder's hands, wherever it was before. */
  claim(actor: Actor, { runId, epoch, step, item, attempt }: TaskToken, holder: TaskHolder): DispatchedTask {
    const known = findTask(actor, step, item);
    if (known !== undefined && known.state === "held" && known.attempt === attempt && known.epoch === epoch) {
      known.holder = holder;
      return known;
    }
    if (known !== undefined && known.state !== "gone") this.#unqueue(known);
    const { tenant } = actor;
    const task: DispatchedTask = { actor, runId, tenant, epoch, step, item, attempt, state: "held", holder };
    fileTask(task);
    return task;
  }

  /** Lets an attempt wait again that was in somebody's hands. */
  again(task: DispatchedTask): void {
    task.state = "queued";
    task.holder = null;
    this.#enqueue(task);
  }

  /** Nobody has an attempt any more, and it is not to be given out. */
  forget(task: DispatchedTask): void {
    task.state = "gone";
    task.holder = null;
  }

  /** Whoever was to come back had the time to: what no worker announced is given out. */
  giveOut(): void {
    const doubtful = this.#doubtful ?? [];
    this.#doubtful = null;
    for (const task of doubtful) {
      if (task.state !== "doubtful") continue;
      task.state = "queued";
      this.#enqueue(task);
    }
    this.announce();
  }

  /**
   * Takes back a run's tasks: those that wait are dropped; those a worker holds go on, or are asked to stop with
   * `cancel`. Returns, with `cancel`, all that no worker holds: nobody else will answer for them.
   */
  withdraw({ actor, cancel }: Withdrawal): DispatchedTask[] {
    const tasks = tasksOf(actor);
    const unheld = tasks.filter((task) => task.state !== "held");
    for (const task of unheld) if (task.state !== "gone") this.#unqueue(task);
    if (!cancel) return [];
    for (const [holder, theirs] of Map.groupBy(tasks, (task) => task.holder)) holder?.withdraw(theirs);
    return unheld;
  }

  /** Tells the gateways of the task types that have something new. */
  announce(): void {
    if (this.#news.size === 0) return;
    const types = [...this.#news];
    this.#news.clear();
    for (const type of types) for (const holder of this.#holders) holder.demand(type);
  }

  /** Gives a holder up to `credits` tasks of these types: types in turn, and within a type tenants in turn (I7). */
  pull(holder: TaskHolder, taskTypes: readonly string[], credits: number): Task[] {
    const tasks: Task[] = [];
    let waiting = taskTypes.flatMap((type) => this.#queues.get(type) ?? []);
    while (waiting.length > 0 && tasks.length < credits) {
      const share = Math.ceil((credits - tasks.length) / waiting.length);
      waiting = waiting.filter((queue) =>
        this.#pullFrom(queue, Math.min(share, credits - tasks.length), holder, tasks),
      );
    }
    return tasks;
  }

  /** How many tasks wait, by type. */
  waiting(): Map<string, number> {
    const counts = new Map([...this.#queues].map(([type, { queue, stale }]) => [type, queue.size - stale]));
    for (const { actor, step, state } of this.#doubtful ?? []) {
      const type = stepOf(actor, step).uses;
      if (state === "doubtful") counts.set(type, (counts.get(type) ?? 0) + 1);
    }
    return counts;
  }

  /** How many tenants have tasks of a type waiting. One whose tasks were all taken back may be counted for a while. */
  tenantsWaiting(type: string): number {
    return this.#queues.get(type)?.queue.keys ?? 0;
  }

  /** … of every type that has any. */
  demands(): Map<string, number> {
    const demands = new Map<string, number>();
    for (const [type, { queue }] of this.#queues) if (queue.keys > 0) demands.set(type, queue.keys);
    return demands;
  }

  /** Takes up to `share` tasks of a type. Returns whether more may wait. */
  #pullFrom(of: TypeQueue, share: number, holder: TaskHolder, tasks: Task[]): boolean {
    for (let taken = 0; taken < share; ) {
      const next = of.queue.take();
      if (next === undefined) return false;
      if (next.state !== "queued") of.stale--;
      const task = this.#take(next, holder);
      if (task === undefined) continue;
      tasks.push(task);
      taken++;
    }
    return of.queue.size > 0;
  }

  #enqueue(task: DispatchedTask): void {
    const type = stepOf(task.actor, task.step).uses;
    this.#queue(type).queue.push(task.tenant, task);
    this.#news.add(type);
  }

  /** Lets a task wait no more. Its entry stays until it is taken, or until too many like it lie about. */
  #unqueue(task: DispatchedTask): void {
    const wasQueued = task.state === "queued";
    task.state = "gone";
    if (!wasQueued) return;
    const of = this.#queue(stepOf(task.actor, task.step).uses);
    of.stale++;
    if (of.stale < STALE_MAX || of.stale * 2 < of.queue.size) return;
    for (const entry of of.queue.drain()) if (entry.state === "queued") of.queue.push(entry.tenant, entry);
    of.stale = 0;
  }

  #take(entry: DispatchedTask, holder: TaskHolder): Task | undefined {
    if (entry.state !== "queued") return undefined;
    const { actor } = entry;
    const state = actor.run.epoch === entry.epoch ? taskOf(actor.run, entry.step, entry.item) : undefined;
    if (state?.status !== "scheduled" || state.attempt !== entry.attempt) {
      // Decided otherwise, and about to be withdrawn: it is in no queue any more.
      entry.state = "gone";
      return undefined;
    }
    entry.state = "held";
    entry.holder = holder;
    return this.#task(entry, state);
  }

  #task(entry: DispatchedTask, state: { readonly input: StepInput; readonly keyEpoch: number }): Task {
    const { run, plan } = entry.actor;
    const step = stepOf(entry.actor, entry.step);
    return {
      runId: entry.runId,
      epoch: entry.epoch,
      step: entry.step,
      item: entry.item,
      attempt: entry.attempt,
      tenant: entry.tenant,
      workflow: run.workflow,
      stepName: step.name,
      taskType: step.uses,
      input: inputPayload({ run, plan }, entry, state.input),
      idempotencyKey: `${entry.runId}-${state.keyEpoch}-${entry.step}-${entry.item + 1}`,
      timeoutMs: step.attemptTimeoutMs,
    };
  }

  #queue(type: string): TypeQueue {
    let of = this.#queues.get(type);
    if (of === undefined) {
      of = { queue: new FairQueue(QUANTUM), stale: 0 };
      this.#queues.set(type, of);
    }
    return of;
  }
}

function isKnown({ actor, step, item, attempt, epoch }: DispatchedTask): boolean {
  const known = findTask(actor, step, item);
  return known?.attempt === attempt && known.epoch === epoch && known.state !== "gone";
}

function stepOf({ runId, plan }: Actor, step: number): PlanStep {
  const found = plan.steps[step];
  if (found === undefined) throw new Error(`Run ${runId} has no step ${step}.`);
  return found;
}
