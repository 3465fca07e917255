// Whose hands tasks are in: what holders say they have, hand back, or leave behind. To be called while nothing that is
// decided waits for its record: nobody is told of what may never have happened (I1).
import { taskOf } from "@millrace/core/run/task-state.ts";
import type { HeldAttempt } from "@millrace/link/link.ts";
import type { Announced, TaskHolder } from "@millrace/link/local-shard.ts";
import type { TaskToken } from "@millrace/model/task.ts";
import type { Actor, DispatchedTask } from "../actors.ts";
import type { Letter } from "../mailbox.ts";
import type { ShardMemory } from "../memory.ts";
import { cancelledUnstarted } from "../reactions.ts";
import { findTask, tasksOf } from "./run-tasks.ts";

/** What a holder says it has. */
export interface Announcement {
  readonly holder: TaskHolder;
  readonly attempts: readonly HeldAttempt[];
  /** What it had when it said so, if it said that it has no others. */
  readonly had: readonly DispatchedTask[];
}

type Post = (letter: Letter) => void;

/** Gives a holder what it says it has, whoever had it before; what else it had waits again. */
export function holdTasks(memory: ShardMemory, { holder, attempts, had }: Announcement, post: Post): Announced {
  const { actors, dispatch } = memory;
  const owed = [];
  const unwanted: TaskToken[] = [];
  const elsewhere: TaskToken[] = [];
  const moved: { readonly from: TaskHolder; readonly attempt: TaskToken }[] = [];
  const kept = new Set<DispatchedTask>();
  for (const attempt of attempts) {
    const actor = actors.load(attempt.runId);
    const isOwed = actor !== undefined && isScheduled(actor, attempt);
    // Of a run that is being cancelled, its worker is told so once more: nobody knows whether it was.
    if (!isOwed || actor.run.status === "cancelling") unwanted.push(attempt);
    if (isOwed) {
      const other = otherHolder(actor, attempt, holder);
      if (other !== null && !attempt.isPresent) elsewhere.push(attempt);
      else {
        if (other !== null) moved.push({ from: other, attempt });
        kept.add(dispatch.claim(actor, attempt, holder));
        if (!attempt.isKnown) owed.push(owedAttempt(actor, attempt));
      }
    }
    if (actor !== undefined) actors.rest(actor);
  }
  for (const task of had) if (task.holder === holder && isFiled(task) && !kept.has(task)) letGo(memory, task, post);
  for (const [from, theirs] of Map.groupBy(moved, (one) => one.from)) from.moved(theirs.map(({ attempt }) => attempt));
  return { owed, unwanted, elsewhere };
}

/** What a holder has handed to nobody waits again. */
export function giveBackTasks(memory: ShardMemory, holder: TaskHolder, tokens: readonly TaskToken[], post: Post): void {
  for (const token of tokens) {
    const actor = memory.actors.live.get(token.runId);
    const task = actor === undefined ? undefined : findTask(actor, token.step, token.item);
    if (task?.holder !== holder || task.attempt !== token.attempt || task.epoch !== token.epoch) continue;
    letGo(memory, task, post);
  }
}

/** A holder is gone: what it had waits again. */
export function releaseTasks(memory: ShardMemory, holder: TaskHolder, post: Post): void {
  for (const task of heldBy(memory, holder)) letGo(memory, task, post);
}

/** A look at every live run: a list for each holder would cost every task what only the loss of a gateway needs. */
export function heldBy({ actors }: ShardMemory, holder: TaskHolder): DispatchedTask[] {
  const held: DispatchedTask[] = [];
  for (const actor of actors.live.values())
    if (actor.tasks !== null) for (const task of tasksOf(actor)) if (task.holder === holder) held.push(task);
  return held;
}

/** Whether no newer attempt has taken its place. */
function isFiled(task: DispatchedTask): boolean {
  return findTask(task.actor, task.step, task.item) === task;
}

/** Who else has an attempt; null = nobody. */
function otherHolder(actor: Actor, token: TaskToken, holder: TaskHolder): TaskHolder | null {
  const task = findTask(actor, token.step, token.item);
  if (task === undefined || task.attempt !== token.attempt || task.epoch !== token.epoch) return null;
  return task.holder === holder ? null : task.holder;
}

function letGo({ dispatch }: ShardMemory, task: DispatchedTask, post: Post): void {
  const { run } = task.actor;
  if (run.status === "running" && run.epoch === task.epoch) return dispatch.again(task);
  dispatch.forget(task);
  if (run.status === "cancelling") post(cancelledUnstarted(task));
}

function isScheduled({ run }: Actor, { epoch, step, item, attempt }: TaskToken): boolean {
  const state = run.endedMs === 0 && run.epoch === epoch ? taskOf(run, step, item) : undefined;
  return state?.status === "scheduled" && state.attempt === attempt;
}

function owedAttempt({ tenant, plan }: Actor, { runId, epoch, step, item, attempt }: TaskToken) {
  return { runId, epoch, step, item, attempt, tenant, timeoutMs: plan.steps[step]?.attemptTimeoutMs ?? 0 };
}
