// How a `forEach` step changes as a whole; its items are tasks like any other.
import type { Payload } from "@millrace/model/payload.ts";
import type { StepFannedOut, StepJoined } from "@millrace/model/run-events.ts";
import type { RunState, TaskState } from "@millrace/model/run-state.ts";
import { utf8Bytes } from "../expression/json-value.ts";
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
    outputBytes: 0,
  };
  run.stateBytes += itemsBytes(event.items);
}

export function itemCompleted(run: RunState, step: number, output: Payload): void {
  const items = itemsOf(run, step);
  if (items === undefined) return;
  items.open--;
  items.completed++;
  items.outputBytes += 1 + (typeof output === "string" ? utf8Bytes(output) : output.bytes);
}

export function joined(run: RunState, event: StepJoined, atMs: number): void {
  const items = itemsOf(run, event.step);
  if (items === undefined) throw new Error(`Step ${event.step} of run ${run.runId} joined without items.`);
  items.status = "joined";
  items.endedMs = atMs;
  run.openSteps--;
}
