import { encodeRunState } from "@millrace/codec/run-state-v1.ts";
import { mintRunId } from "@millrace/core/run-id.ts";
import { parseDefinition } from "@millrace/definition/parse.ts";
import { retryingOf, summarise } from "@millrace/core/run/summarise.ts";
import type { ListedRun, RunView } from "@millrace/link/link.ts";
import type { Definition } from "@millrace/model/definition.ts";
import { position, slot, tenantId } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { RunState, StepState } from "@millrace/model/run-state.ts";

export const STARTED_MS = 1_767_225_600_000;

export function definitionOf(source: string): Definition {
  const parsed = parseDefinition(source);
  if (parsed.type === "problems") throw new Error(JSON.stringify(parsed.problems));
  return parsed.definition;
}

const SETTLED: ReadonlySet<StepState["status"]> = new Set(["completed", "done", "joined", "skipped"]);

/** A run of the definition whose steps are in the given states. */
export function makeRun(definition: Definition, steps: StepState[], over: Partial<RunState> = {}): RunState {
  return {
    runId: mintRunId(STARTED_MS, slot(7), 1, 2),
    tenant: tenantId("default"),
    workflow: definition.name,
    version: 3,
    status: "running",
    epoch: 1,
    input: json('{"in":1}'),
    output: null,
    failure: null,
    reason: "",
    idempotencyKey: "",
    inputHash: "",
    traceparent: "",
    startedMs: STARTED_MS,
    epochStartedMs: STARTED_MS,
    endedMs: 0,
    cancelDeadlineMs: 0,
    steps,
    openSteps: steps.filter(({ status }) => !SETTLED.has(status)).length,
    openAttempts: 0,
    stateBytes: 0,
    signals: [],
    signalIds: [],
    retries: [],
    parent: null,
    children: null,
    ...over,
  };
}

export function viewOf(run: RunState, definition: Definition): RunView {
  return { runId: run.runId, bytes: encodeRunState(run), position: position(1), definition: JSON.stringify(definition) };
}

export function rowOf(run: RunState, definition: Definition): ListedRun {
  return { ...summarise(run, definition.steps, retryingOf(run)), position: position(1) };
}
