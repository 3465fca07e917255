// The attempts of one run that the dispatcher knows. A map of its own is made only for a second one.
import type { Actor, DispatchedTask } from "../actors.ts";

/** More items than any `forEach` has: makes (step, item) one number. */
const ITEMS_STRIDE = 16_384;

export function findTask(actor: Actor, step: number, item: number): DispatchedTask | undefined {
  const { tasks } = actor;
  if (tasks === null) return undefined;
  if (tasks instanceof Map) return tasks.get(keyOf(step, item));
  return tasks.step === step && tasks.item === item ? tasks : undefined;
}

/** Files an attempt in place of an older one of the same step and item. */
export function fileTask(task: DispatchedTask): void {
  const { actor } = task;
  const { tasks } = actor;
  if (tasks === null) actor.tasks = task;
  else if (tasks instanceof Map) tasks.set(keyOf(task.step, task.item), task);
  else if (tasks.step === task.step && tasks.item === task.item) actor.tasks = task;
  else actor.tasks = new Map([tasks, task].map((each) => [keyOf(each.step, each.item), each]));
}

/** Forgets the attempt of a step or item: its result is recorded. */
export function forgetTask(actor: Actor, step: number, item: number): void {
  const { tasks } = actor;
  if (tasks === null) return;
  if (tasks instanceof Map) tasks.delete(keyOf(step, item));
  else if (tasks.step === step && tasks.item === item) actor.tasks = null;
}

/** All of them. */
export function tasksOf(actor: Actor): DispatchedTask[] {
  const { tasks } = actor;
  if (tasks === null) return [];
  return tasks instanceof Map ? [...tasks.values()] : [tasks];
}

function keyOf(step: number, item: number): number {
  return step * ITEMS_STRIDE + item + 1;
}
