// What is told to whoever waits for a run's end.
import { runOutput } from "@millrace/core/run/input.ts";
import type { RunEnd } from "@millrace/link/link.ts";
import type { EndStatus } from "@millrace/model/run-state.ts";
import type { Actor } from "./actors.ts";

/** The end of an ended run; undefined while it lives. */
export function runEnd(actor: Actor, ref: number): RunEnd | undefined {
  const { run, plan } = actor;
  const status = endStatus(actor);
  if (status === undefined) return undefined;
  const output = runOutput({ run, plan });
  const failedStep = run.failure === null ? "" : (plan.steps[run.failure.step]?.name ?? "");
  const { runId, epoch, failure, endedMs } = run;
  return { ref, runId, epoch, status, output, failure, failedStep, endedMs };
}

function endStatus({ run }: Actor): EndStatus | undefined {
  const { status } = run;
  return status === "running" || status === "paused" || status === "cancelling" ? undefined : status;
}
