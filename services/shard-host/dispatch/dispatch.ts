// Tasks waiting for workers: a queue a task type, in which tenants take turns (I7).
// It owns which attempts wait or are held by a worker, and nothing durable: after a crash `resume` fills it again.

import { FairQueue } from "@millrace/core/fairness/fair-queue.ts";
import { inputPayload } from "@millrace/core/run/input.ts";
import { taskOf } from "@millrace/core/run/task-state.ts";
import type { TaskSink } from "@millrace/link/link.ts";
import type { StepInput } from "@millrace/model/payload.ts";
import type { Task } from "@millrace/model/task.ts";
import type { Actor, DispatchedTask } from "../actors.ts";
import type { Withdrawal } from "../turn.ts";
import { fileTask, findTask, tasksOf } from "./run-tasks.ts";

/** Tenants take turns task by task. */
const QUANTUM = 1;
/** Entries of tasks nobody waits for that may lie in a queue, each holding on to its run. */
const GONE_MAX = 256;

/** The tasks of one type that wait. */
interface TypeQueue {
  readonly queue: FairQueue<DispatchedTask>;
  /** How many of its entries are gone. */
  gone: number;
}

export class Dispatch {
  readonly #queues = new Map<string, TypeQueue>();
  /** Task types with something new since the last announcement. */
  readonly #news = new Set<string>();
  readonly #sinks: readonly TaskSink[];

  constructor(sinks: readonly TaskSink[]) {
    this.#sinks = sinks;
  }

  /** Lets an attempt wait for a worker. One it knows already is left as it is. */
  add(task: DispatchedTask): void {
    const { actor, step, item, attempt, epoch } = task;
    const known = findTask(actor, step, item);
    if (known?.attempt === attempt && known.epoch === epoch && known.state !== "gone") return;
    fileTask(task);
    const type = taskType(actor, step);
    this.#queue(type).queue.push(task.tenant, task);
    this.#news.add(type);
  }

  /**
   * Takes back a run's tasks: those that wait are dropped; those a worker holds go on, or are asked to stop with
   * `cancel`. Returns, with `cancel`, all that no worker holds: nobody else will answer for them.
   */
  withdraw({ actor, cancel }: Withdrawal): DispatchedTask[] {
    const tasks = tasksOf(actor);
    const unheld = tasks.filter((task) => task.state !== "held");
    for (const task of unheld) this.#drop(task);
    if (!cancel) return [];
    const held = tasks.filter((task) => task.state === "held");
    if (held.length > 0) for (const sink of this.#sinks) sink.withdraw(held);
    return unheld;
  }

  /** Tells the gateways of the task types that have something new. */
  announce(): void {
    if (this.#news.size === 0) return;
    const types = [...this.#news];
    this.#news.clear();
    for (const type of types) for (const sink of this.#sinks) sink.demand(type);
  }

  /** Takes up to `credits` waiting tasks of these types: types in turn, and within a type tenants in turn (I7). */
  pull(taskTypes: readonly string[], credits: number): Task[] {
    const tasks: Task[] = [];
    let waiting = taskTypes.flatMap((type) => this.#queues.get(type) ?? []);
    while (waiting.length > 0 && tasks.length < credits) {
      const share = Math.ceil((credits - tasks.length) / waiting.length);
      waiting = waiting.filter((queue) => this.#pullFrom(queue, Math.min(share, credits - tasks.length), tasks));
    }
    return tasks;
  }

  /** How many tasks wait, by type. */
  waiting(): Map<string, number> {
    return new Map([...this.#queues].map(([type, { queue, gone }]) => [type, queue.size - gone]));
  }

  /** Takes up to `share` tasks of a type. Returns whether more may wait. */
  #pullFrom(of: TypeQueue, share: number, tasks: Task[]): boolean {
    for (let taken = 0; taken < share; ) {
      const next = of.queue.take();
      if (next === undefined) return false;
      if (next.state === "gone") of.gone--;
      const task = this.#take(next);
      if (task === undefined) continue;
      tasks.push(task);
      taken++;
    }
    return of.queue.size > 0;
  }

  /** Lets go of a task that waits. Its entry stays until it is taken, or until too many like it lie about. */
  #drop(task: DispatchedTask): void {
    if (task.state === "gone") return;
    task.state = "gone";
    const of = this.#queue(taskType(task.actor, task.step));
    of.gone++;
    if (of.gone < GONE_MAX || of.gone * 2 < of.queue.size) return;
    for (const entry of of.queue.drain()) if (entry.state === "queued") of.queue.push(entry.tenant, entry);
    of.gone = 0;
  }

  #take(entry: DispatchedTask): Task | undefined {
    if (entry.state !== "queued") return undefined;
    const { actor } = entry;
    if (actor.run.epoch !== entry.epoch) return undefined;
    const state = taskOf(actor.run, entry.step, entry.item);
    if (state?.status !== "scheduled" || state.attempt !== entry.attempt) return undefined;
    entry.state = "held";
    return this.#task(entry, state);
  }

  #task(entry: DispatchedTask, state: { readonly input: StepInput; readonly keyEpoch: number }): Task {
    const { run, plan } = entry.actor;
    const step = plan.steps[entry.step];
    if (step === undefined) throw new Error(`Run ${entry.runId} has no step ${entry.step}.`);
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
      of = { queue: new FairQueue(QUANTUM), gone: 0 };
      this.#queues.set(type, of);
    }
    return of;
  }
}

function taskType(actor: Actor, step: number): string {
  return actor.plan.steps[step]?.uses ?? "";
}
