import type { Definition } from "@millrace/model/definition.ts";
import { runId, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import { describe, expect, it } from "vitest";
import { compilePlan } from "../plan/compile.ts";
import { decide } from "./decide.ts";
import { COMMAND_BYTES_MAX, COMMAND_EVENTS_MAX, type Decision } from "./decision.ts";

const ONE_STEP: Definition = {
  name: workflowName("one"),
  triggers: [],
  steps: [
    {
      name: "only",
      uses: "work",
      kind: "task",
      needs: [],
      if: null,
      forEach: null,
      maxConcurrency: 100,
      with: null,
      hasWith: false,
      child: null,
      attemptTimeoutMs: 300_000,
      stepTimeoutMs: 0,
      retry: { maxAttempts: 5, initialDelayMs: 500, maxDelayMs: 60_000, multiplier: 2 },
    },
  ],
  output: null,
  hasOutput: false,
  timeoutMs: 0,
};
const RUN = runId("0000000010000000000a");
const OWNER = tenantId("owner");

function started(): Decision {
  const decision: Decision = {
    run: undefined,
    plan: compilePlan(ONE_STEP),
    at: { nowMs: 1000, seed: 1 },
    events: [],
    reactions: [],
    blobText: () => undefined,
    lost: [],
    eventsLeft: COMMAND_EVENTS_MAX,
    bytesLeft: COMMAND_BYTES_MAX,
    advanceAsked: false,
    canOrder: true,
    roomAwaited: false,
    loadAsked: false,
  };
  const workflow = workflowName("one");
  const keys = { idempotencyKey: "", inputHash: "", traceparent: "", parent: null };
  decide(decision, { type: "start", runId: RUN, tenant: OWNER, workflow, version: 1, input: json("1"), ...keys });
  return decision;
}

describe("a command of another tenant", () => {
  const tenant = tenantId("stranger");

  it("finds no run", () => {
    const decision = started();
    const events = decision.events.length;
    const cancel: RunCommand = { type: "cancel", tenant, runId: RUN, reason: "" };
    expect(decide(decision, cancel)).toMatchObject({ code: "RUN_NOT_FOUND" });
    expect(decision.events.length).toBe(events);
  });

  it("I6: a result sent again over a new stream counts, whatever tenant the stream is taken for", () => {
    const decision = started();
    const token = { runId: RUN, epoch: 1, step: 0, item: -1, attempt: 1 };
    const outcome = { type: "completed", output: json("2") } as const;
    const result = { ...token, outcome, worker: workerName("w@1"), startedMs: 0, logs: null };
    expect(decide(decision, { type: "result", tenant, runId: RUN, result })).toEqual({
      type: "done",
      repeated: false,
      epoch: 0,
    });
    expect(decision.run?.status).toBe("completed");
  });
});
