// A shard as the process that hosts it offers it: to a gateway in the same process directly, to all others over the bus.
import type { RunId, TenantId, Term } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { OwedAttempt, Task, TaskToken } from "@millrace/model/task.ts";
import type { Envelope, HeldAttempt, ListPage, ListQuery, Origin, RunView, TaskSink, Watching } from "./link.ts";

/** Who pulls tasks and has them until their results are recorded: the workers of one gateway. */
export type TaskHolder = Pick<TaskSink, "demand" | "withdraw" | "moved">;

/** What came of attempts that a holder says it has. */
export interface Announced {
  /** Of those it did not know: what they are. */
  readonly owed: readonly OwedAttempt[];
  /** Those nobody waits for: their workers should stop. */
  readonly unwanted: readonly TaskToken[];
  /** Those that workers of another holder have: they came back there. */
  readonly elsewhere: readonly TaskToken[];
}

export interface LocalShard {
  /** The ownership it served in last; 0 = it has not served yet. */
  readonly term: Term;
  /** Calls back whenever it begins to serve. It knows of no tasks in anyone's hands then. */
  onTerm(began: (term: Term) => void): () => void;
  /** Takes in a command or refuses it. To be followed by {@link wake}. */
  submit(origin: Origin, envelope: Envelope): void;
  wake(): void;
  /** An origin is gone: it wants to hear of no more ends. */
  forget(origin: Origin): void;
  /** Tells of a run's end under this number, at once if it has ended. Nothing is told of a run that is unknown. */
  follow(origin: Origin, ref: number, runId: RunId): void;
  /** Takes one {@link follow}, or the wish of one start, back. */
  unfollow(origin: Origin, ref: number, runId: RunId): void;
  run(tenant: TenantId, runId: RunId, answer: (view: RunView | Refusal) => void): void;
  list(query: ListQuery, answer: (page: ListPage | Refusal) => void): void;
  watch(tenant: TenantId, runId: RunId, changed: (view: RunView | Refusal) => void): Watching;
  readonly tasks: LocalTasks;
}

/** The tasks of a shard. */
export interface LocalTasks {
  /** Tells this holder of waiting tasks from now on; call what it returns to end that. */
  connect(holder: TaskHolder): () => void;
  /** How many tenants have tasks of this type waiting. */
  tenantsWaiting(taskType: string): number;
  /** … of every type that has any. */
  demands(): ReadonlyMap<string, number>;
  /** Takes up to `credits` tasks of these types, fairly by tenant; they are the holder's. */
  pull(holder: TaskHolder, taskTypes: readonly string[], credits: number): Task[];
  /**
   * The holder has these attempts, whoever had them before; what it keeps for a worker that is gone, only if nobody else
   * has it. With `isAll` it has no others now: those wait again. Answers when all that is decided is durable, and not at all
   * when the shard stops serving before that: it asks then.
   */
  hold(
    holder: TaskHolder,
    attempts: readonly HeldAttempt[],
    isAll: boolean,
    answer: (announced: Announced) => void,
  ): void;
  /** The holder has handed these to nobody: they wait again. */
  giveBack(holder: TaskHolder, attempts: readonly TaskToken[]): void;
  /** The holder is gone: what it had waits again. */
  release(holder: TaskHolder): void;
  /**
   * Whoever had attempts when an earlier time of service ended had the time to say so ({@link hold}): what nobody has is
   * given out from now on. In every term it waits until this is called; new attempts never do.
   */
  workersAreBack(): void;
}
