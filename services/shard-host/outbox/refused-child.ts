// What a parent is told of a child that can never begin.
import type { ChildRefused } from "@millrace/model/messages.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { StartRun } from "@millrace/model/run-commands.ts";

/** null = nobody ordered the run. */
export function refusedChild(command: StartRun, { message, fix }: Refusal): ChildRefused | null {
  const { runId: from, tenant, parent } = command;
  if (parent === null) return null;
  const { runId: to, epoch, step, item, attempt } = parent;
  const failure = {
    code: "CHILD_RUN_REFUSED",
    class: "permanent",
    message: `The child was not started: ${message}`,
    guidance: fix,
    retryAfterMs: 0,
  } as const;
  return { type: "child-refused", from, to, tenant, epoch, step, item, attempt, failure };
}
