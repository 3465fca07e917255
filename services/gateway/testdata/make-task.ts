import { runId, tenantId, workflowName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { Task, TaskOutcome, TaskToken } from "@millrace/model/task.ts";
import type { ReportedResult } from "../tasks/worker-link.ts";

/** A task of run `ordinal`. */
export function makeTask(ordinal: number, over: Partial<Task> = {}): Task {
  return {
    runId: runId(String(ordinal).padStart(20, "0")),
    epoch: 1,
    step: 0,
    item: -1,
    attempt: 1,
    tenant: tenantId("acme"),
    workflow: workflowName("flow"),
    stepName: "a",
    taskType: "t",
    input: json('{"n":1}'),
    idempotencyKey: "k",
    timeoutMs: 10_000,
    ...over,
  };
}

/** What a worker reports of it. */
export function resultOf(token: TaskToken, outcome: TaskOutcome = { type: "completed", output: json("1") }): ReportedResult {
  const { runId: run, epoch, step, item, attempt } = token;
  return { runId: run, epoch, step, item, attempt, outcome, logs: null };
}
