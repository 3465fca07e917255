// How a run takes note of its children: their attempts are like those of tasks.
import type { ChildOrdered } from "@millrace/model/run-events.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import { stepScheduled } from "./evolve-task.ts";
import { addChild } from "./open-children.ts";

export function childOrdered(run: RunState, event: ChildOrdered, atMs: number): void {
  const { runId, step, item, attempt, input, child } = event;
  stepScheduled(run, { type: "step-scheduled", runId, step, item, attempt, input }, atMs);
  addChild(run, { step, item, child });
}
