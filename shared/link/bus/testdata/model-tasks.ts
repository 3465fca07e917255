// The tasks of a model shard.
import { tenantId, workflowName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { Task, TaskToken } from "@millrace/model/task.ts";
import type { HeldAttempt } from "../../link.ts";
import type { Announced, LocalTasks, TaskHolder } from "../../local-shard.ts";
import { isEnded, type ModelDisk, type ModelRun } from "./model-disk.ts";

/** Who has which task. In memory only: another owner knows nothing of it. */
export class ModelTasks implements LocalTasks {
  readonly #disk: ModelDisk;
  readonly #owns: () => boolean;
  /** Calls back when all that is decided is durable; not if it serves no more in this term by then. */
  readonly #whenQuiet: (act: () => void) => void;
  readonly #holders = new Set<TaskHolder>();
  /** Attempts owed, by name; null = nobody has it. */
  readonly #owed = new Map<string, TaskHolder | null>();
  /** Whether anything is given out at all. */
  isGiving = true;
  /** Attempts that an earlier owner may have given out: they wait for those who have them. */
  #doubtful = new Set<string>();
  #hasNews = false;

  constructor(disk: ModelDisk, owns: () => boolean, whenQuiet: (act: () => void) => void) {
    this.#disk = disk;
    this.#owns = owns;
    this.#whenQuiet = whenQuiet;
  }

  takeOver(): void {
    this.#owed.clear();
    for (const run of this.#disk.runs.values()) this.settle(run);
    this.#doubtful = new Set(this.#owed.keys());
  }

  workersAreBack(): void {
    this.#whenQuiet(() => {
      if (this.#doubtful.size > 0) this.#hasNews = true;
      this.#doubtful = new Set();
      this.announce();
    });
  }

  settle(run: ModelRun): void {
    const name = nameOf(taskOf(run));
    if (run.status === "running") {
      if (!this.#owed.has(name)) this.#owed.set(name, null);
      this.#hasNews = true;
    } else if (isEnded(run)) this.#owed.delete(name);
  }

  announce(): void {
    if (!this.#hasNews) return;
    this.#hasNews = false;
    for (const holder of [...this.#holders]) holder.demand("work");
  }

  connect(holder: TaskHolder): () => void {
    this.#holders.add(holder);
    return () => void this.#holders.delete(holder);
  }

  tenantsWaiting(taskType: string): number {
    if (taskType !== "work") return 0;
    return new Set(this.#waiting().map(({ tenant }) => tenant)).size;
  }

  demands(): ReadonlyMap<string, number> {
    const tenants = this.tenantsWaiting("work");
    return tenants === 0 ? new Map() : new Map([["work", tenants]]);
  }

  pull(holder: TaskHolder, taskTypes: readonly string[], credits: number): Task[] {
    if (!taskTypes.includes("work") || !this.isGiving) return [];
    const tasks = this.#waiting().slice(0, credits).map(taskOf);
    for (const task of tasks) this.#owed.set(nameOf(task), holder);
    return tasks;
  }

  hold(
    holder: TaskHolder,
    attempts: readonly HeldAttempt[],
    isAll: boolean,
    answer: (announced: Announced) => void,
  ): void {
    // What it takes from now on, it did not speak of.
    const had = isAll ? this.#heldBy(holder) : [];
    this.#whenQuiet(() => answer(this.#held(holder, attempts, had)));
  }

  giveBack(holder: TaskHolder, attempts: readonly TaskToken[]): void {
    this.#whenQuiet(() => {
      for (const attempt of attempts) if (this.#owed.get(nameOf(attempt)) === holder) this.#again(nameOf(attempt));
      this.announce();
    });
  }

  release(holder: TaskHolder): void {
    this.#whenQuiet(() => {
      for (const name of this.#heldBy(holder)) this.#again(name);
      this.announce();
    });
  }

  /** Whose hands an attempt is in; null = nobody's; undefined = it is not owed. */
  holderOf(token: TaskToken): TaskHolder | null | undefined {
    return this.#owed.get(nameOf(token));
  }

  #heldBy(holder: TaskHolder): string[] {
    return [...this.#owed].filter(([, by]) => by === holder).map(([name]) => name);
  }

  #held(holder: TaskHolder, attempts: readonly HeldAttempt[], had: readonly string[]): Announced {
    // Also of a paused run, which waits for no worker: one may be at it already.
    const known = attempts.filter((attempt) => this.#isOwed(attempt));
    const unwanted = attempts.filter((attempt) => !this.#isOwed(attempt));
    const names = new Set(known.map(nameOf));
    const elsewhere = known.filter((attempt) => !attempt.isPresent && this.#isElsewhere(attempt, holder));
    for (const attempt of elsewhere) names.delete(nameOf(attempt));
    for (const attempt of known)
      if (attempt.isPresent && this.#isElsewhere(attempt, holder)) this.#owed.get(nameOf(attempt))?.moved([attempt]);
    const owed = known
      .filter(({ isKnown }) => !isKnown)
      .map(({ runId, epoch, step, item, attempt }) => {
        const tenant = this.#disk.runs.get(runId)?.tenant ?? tenantId("");
        return { runId, epoch, step, item, attempt, tenant, timeoutMs: 60_000 };
      });
    for (const name of had) if (this.#owed.get(name) === holder && !names.has(name)) this.#again(name);
    for (const name of names) this.#owed.set(name, holder);
    this.announce();
    return { owed, unwanted, elsewhere };
  }

  #isOwed(token: TaskToken): boolean {
    const run = this.#disk.runs.get(token.runId);
    return run !== undefined && !isEnded(run) && run.epoch === token.epoch;
  }

  #isElsewhere(token: TaskToken, holder: TaskHolder): boolean {
    const by = this.#owed.get(nameOf(token)) ?? holder;
    return by !== holder;
  }

  #again(name: string): void {
    this.#owed.set(name, null);
    this.#doubtful.delete(name);
    this.#hasNews = true;
  }

  #waiting(): ModelRun[] {
    if (!this.#owns()) return [];
    return [...this.#disk.runs.values()].filter((run) => {
      const name = nameOf(taskOf(run));
      return run.status === "running" && this.#owed.get(name) === null && !this.#doubtful.has(name);
    });
  }
}

export function taskOf({ runId, tenant, epoch }: ModelRun): Task {
  return {
    ...{ runId, epoch, step: 0, item: -1, attempt: 1, tenant, workflow: workflowName("one"), stepName: "a" },
    ...{ taskType: "work", input: json("1"), idempotencyKey: `${runId}-${epoch}`, timeoutMs: 60_000 },
  };
}

export function nameOf({ runId, epoch, step, item, attempt }: TaskToken): string {
  return [runId, epoch, step, item, attempt].join("/");
}
