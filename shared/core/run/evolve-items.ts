// How a `forEach` step changes as a whole; its items are tasks like any other.
import type { StepFannedOut, StepJoined } from "@millrace/model/run-events.ts";
import type { RunState, TaskState } from "@millrace/model/run-state.ts";
import { itemsBytes } from "./state-size.ts";
import { itemsOf } from "./task-state.ts";

export function fannedOut(run: RunState, event: StepFannedOut, atMs: number): void {
  run.steps[event.step] = {
    status: "fanned-out",
    sinceMs: atMs,
    endedMs: 0,
    items: event.items,
    tasks: new Array<TaskState | null>(event.items.length).fill(null),
    next: 0,
    open: 0,
    completed: 0,
  };
  run.stateBytes += itemsBytes(event.items);
}

export function joined(run: RunState, event: StepJoined, atMs: number): void {
  const items = itemsOf(run, event.step);
  if (items === undefined) throw new Error(`Step ${event.step} of run ${run.runId} joined without items.`);
  items.status = "joined";
  items.endedMs = atMs;
  run.openSteps--;
}
