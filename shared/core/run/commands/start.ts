import type { StartRun } from "@millrace/model/run-commands.ts";
import { advance } from "../advance.ts";
import { type Decided, type Decision, DONE, emit, REPEATED } from "../decision.ts";

/** Starts a run. The shell has looked up the idempotency key: an existing run means the same start came again (I3). */
export function start(decision: Decision, command: StartRun): Decided {
  if (decision.run !== undefined) return REPEATED;
  const run = emit(decision, {
    type: "run-started",
    runId: command.runId,
    tenant: command.tenant,
    workflow: command.workflow,
    version: command.version,
    input: command.input,
    idempotencyKey: command.idempotencyKey,
    inputHash: command.inputHash,
    traceparent: command.traceparent,
    stepCount: decision.plan.steps.length,
    parent: command.parent,
  });
  decision.run = run;
  advance(decision, decision.plan.roots);
  return DONE;
}
