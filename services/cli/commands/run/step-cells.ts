import type { TimelineStep } from "@millrace/sdk/client/timeline.ts";

/** A step or item for a pipe, as docs/cli.md lists the cells. */
export function stepCells(step: TimelineStep): (string | number)[] {
  const { scheduleTime, startTime, endTime, failure } = step;
  return [
    step.step,
    step.item < 0 ? "" : step.item,
    step.status,
    step.attempts,
    step.queueMs,
    step.runMs,
    scheduleTime?.toISOString() ?? "",
    startTime?.toISOString() ?? "",
    endTime?.toISOString() ?? "",
    step.worker,
    failure?.code ?? "",
  ];
}
