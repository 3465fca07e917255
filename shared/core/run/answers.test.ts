import { join } from "node:path";
import type { Failure } from "@millrace/model/failure.ts";
import { runId, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import { json, PAYLOAD_BYTES_MAX, type Payload } from "@millrace/model/payload.ts";
import type { RunCommand, SettleChild, StartRun } from "@millrace/model/run-commands.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import { describe, expect, it } from "vitest";
import type { Plan } from "../plan/plan.ts";
import { SIGNALS_BUFFERED_MAX } from "./commands/signal.ts";
import { decide } from "./decide.ts";
import { evolve } from "./evolve.ts";
import { RETRIES_KEPT_MAX } from "./evolve-run.ts";
import { SIGNAL_IDS_MAX } from "./evolve-signal.ts";
import { RUN_STATE_BYTES_MAX } from "./state-size.ts";
import { makeDecision, makePlan, makeStep } from "./testdata/make-plan.ts";

const NOW_MS = 1_000_000;
const TO = { tenant: tenantId("t"), runId: runId("0000000z000000000000") };
const PLAN = makePlan(
  [makeStep("a", { retry: { maxAttempts: 1, initialDelayMs: 1, maxDelayMs: 1, multiplier: 1 } })],
  undefined,
  60_000,
);

const START: StartRun = {
  ...{ type: "start", ...TO, workflow: workflowName("w"), version: 1, input: json("{}") },
  ...{ idempotencyKey: "", inputHash: "", traceparent: "", parent: null },
};
const FAILURE: Failure = { code: "BAD", class: "permanent", message: "no", guidance: "", retryAfterMs: 0 };
const TOKEN = {
  runId: TO.runId,
  epoch: 1,
  step: 0,
  item: -1,
  attempt: 1,
  worker: workerName("w@1"),
  startedMs: 0,
  logs: null,
};

const COMMANDS: readonly RunCommand[] = [
  START,
  { type: "result", ...TO, result: { ...TOKEN, outcome: { type: "completed", output: json("1") } } },
  { type: "result", ...TO, result: { ...TOKEN, outcome: { type: "failed", failure: FAILURE } } },
  { type: "result", ...TO, result: { ...TOKEN, outcome: { type: "cancelled" } } },
  { type: "signal", ...TO, signalId: "", name: "go", payload: json("1") },
  { type: "cancel", ...TO, reason: "" },
  { type: "terminate", ...TO, reason: "" },
  { type: "pause", ...TO, reason: "" },
  { type: "resume", ...TO },
  { type: "retry", ...TO, requestId: "" },
  { type: "timer-due", ...TO },
  { type: "advance", ...TO, lost: [] },
  {
    ...{ type: "child-ended", ...TO, child: TO.runId, epoch: 1, step: 0, item: -1, attempt: 1, status: "completed" },
    ...{ output: json("1"), failure: null, startedMs: 0 },
  },
];

/** What brings a run into each state. */
const WAYS: { readonly [state: string]: readonly RunCommand[] } = {
  unknown: [],
  running: [START],
  paused: [START, { type: "pause", ...TO, reason: "" }],
  cancelling: [START, { type: "cancel", ...TO, reason: "" }],
  completed: [
    START,
    { type: "result", ...TO, result: { ...TOKEN, outcome: { type: "completed", output: json("1") } } },
  ],
  failed: [START, { type: "result", ...TO, result: { ...TOKEN, outcome: { type: "failed", failure: FAILURE } } }],
  cancelled: [
    START,
    { type: "cancel", ...TO, reason: "" },
    { type: "result", ...TO, result: { ...TOKEN, outcome: { type: "cancelled" } } },
  ],
  "timed-out": [START, { type: "timer-due", ...TO }],
  terminated: [START, { type: "terminate", ...TO, reason: "" }],
};

function brought(way: readonly RunCommand[], plan: Plan = PLAN): RunState | undefined {
  let run: RunState | undefined;
  for (const command of way) {
    // Late enough for the time-out of whoever waits for it.
    const nowMs = command.type === "timer-due" ? NOW_MS + 60_000 : NOW_MS;
    const decision = makeDecision(plan, run, { nowMs, seed: 1 });
    decide(decision, command);
    run = decision.run;
  }
  return run;
}

function answer(way: readonly RunCommand[], command: RunCommand, plan: Plan = PLAN): string {
  const decision = makeDecision(plan, brought(way, plan), { nowMs: NOW_MS + 60_000, seed: 1 });
  const decided = decide(decision, command);
  if ("code" in decided) return decided.code;
  const status = decision.events.length === 0 ? "" : ` → ${decision.run?.status ?? ""}`;
  return (decided.repeated ? "repeated" : "done") + status;
}

describe("answers", () => {
  it("to every command in every state", async () => {
    const states = Object.keys(WAYS);
    const rows = COMMANDS.map((command) => {
      const outcome = command.type === "result" ? ` ${command.result.outcome.type}` : "";
      const cells = states.map((state) => answer(WAYS[state] ?? [], command));
      return [command.type + outcome, ...cells];
    });
    const table = [["", ...states], states.concat("").map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`);
    await expect(`${table.join("\n")}\n`).toMatchFileSnapshot(join(import.meta.dirname, "testdata/answers.md"));
  });
});

const CHILD_PLAN = makePlan(
  [
    makeStep("a", {
      ...{ kind: "workflow", uses: "workflow", child: { name: "c", version: 0, wait: true, onCancel: "cancel" } },
      retry: { maxAttempts: 1, initialDelayMs: 1, maxDelayMs: 1, multiplier: 1 },
    }),
  ],
  undefined,
  60_000,
);

/** What the child of the only step tells; IDs depend on seed and time alone. */
function childEnded(status: SettleChild["status"]): RunCommand {
  const child = brought([START], CHILD_PLAN)?.children?.[0]?.child ?? TO.runId;
  const place = { child, epoch: 1, step: 0, item: -1, attempt: 1, startedMs: 0 };
  return { type: "child-ended", ...TO, ...place, status, output: json("1"), failure: FAILURE };
}

describe("answers of a run with a child", () => {
  it("to every end of the child in every state", async () => {
    const ways = {
      ...WAYS,
      completed: [START, childEnded("completed")],
      failed: [START, childEnded("failed")],
      cancelled: [START, { type: "cancel", ...TO, reason: "" } as const, childEnded("cancelled")],
    };
    const statuses = ["completed", "started", "refused", "failed", "timed-out", "cancelled", "terminated"] as const;
    const rows = statuses.map((status) => [
      `child ${status}`,
      ...Object.values(ways).map((way) => answer(way, childEnded(status), CHILD_PLAN)),
    ]);
    const states = Object.keys(ways);
    const table = [["", ...states], states.concat("").map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`);
    await expect(`${table.join("\n")}\n`).toMatchFileSnapshot(
      join(import.meta.dirname, "testdata/answers-children.md"),
    );
  });
});

describe("signals", () => {
  const signal = (signalId: string, name: string): RunCommand => ({
    type: "signal",
    ...TO,
    signalId,
    name,
    payload: json("1"),
  });

  it("I9: only so many wait; the next is refused until one is taken", () => {
    const plan = makePlan([
      makeStep("nap", { kind: "sleep", uses: "sleep", with: { for: "1s" } }),
      makeStep("s", { kind: "signal", uses: "signal", needs: ["nap"], with: { name: "go" } }),
    ]);
    const waiting = Array.from({ length: SIGNALS_BUFFERED_MAX }, () => signal("", "go"));
    let run = brought([START, ...waiting], plan);
    const decideNow = (command: RunCommand, nowMs: number) => {
      const decision = makeDecision(plan, run, { nowMs, seed: 1 });
      const decided = decide(decision, command);
      run = decision.run;
      return { decided, decision };
    };
    expect(decideNow(signal("", "go"), NOW_MS)).toMatchObject({
      decided: { code: "SIGNAL_BUFFER_FULL" },
      decision: { events: [] },
    });
    decideNow({ type: "timer-due", ...TO }, NOW_MS + 1000);
    expect(run?.signals.length).toBe(SIGNALS_BUFFERED_MAX - 1);
  });

  it("I3: the newest IDs are remembered, so that a repeated one counts once", () => {
    const ids = Array.from({ length: SIGNAL_IDS_MAX + 1 }, (_, index) => `id${index}`);
    const run = brought([START]);
    if (run === undefined) throw new Error("There is no run.");
    for (const signalId of ids)
      evolve(run, { type: "signal-received", runId: TO.runId, signalId, name: "go", payload: json("1") }, NOW_MS);
    expect([run.signalIds.length, run.signalIds[0], run.signalIds.at(-1)]).toEqual([
      SIGNAL_IDS_MAX,
      "id1",
      `id${SIGNAL_IDS_MAX}`,
    ]);
  });
});

describe("retries", () => {
  const retry = (requestId: string): RunCommand => ({ type: "retry", ...TO, requestId });
  const terminate: RunCommand = { type: "terminate", ...TO, reason: "" };

  it("I3: a repeated one opens no other epoch, however many others came in between, and gets the first answer", () => {
    const run = brought([START, terminate, retry("first"), terminate, retry("second"), terminate]);
    for (const [requestId, epoch] of [
      ["first", 2],
      ["second", 3],
    ] as const) {
      const decision = makeDecision(PLAN, run, { nowMs: NOW_MS, seed: 1 });
      expect(decide(decision, retry(requestId))).toEqual({ type: "done", repeated: true, epoch });
      expect(decision.events).toEqual([]);
    }
  });

  it("I9: so many are remembered, the newest ones", () => {
    const run = brought([START, terminate]);
    if (run === undefined) throw new Error("There is no run.");
    for (let epoch = 2; epoch <= RETRIES_KEPT_MAX + 2; epoch++)
      evolve(run, { type: "run-retried", runId: TO.runId, epoch, requestId: `id${epoch}` }, NOW_MS);
    evolve(run, { type: "run-retried", runId: TO.runId, epoch: RETRIES_KEPT_MAX + 3, requestId: "" }, NOW_MS);
    expect(run.retries.length).toBe(RETRIES_KEPT_MAX);
    expect(run.retries[0]).toEqual({ requestId: "id3", epoch: 3 });
  });
});

describe("a run that grows", () => {
  const LARGE = json(JSON.stringify("x".repeat(60_000)));
  // As many items as one list may hold of these, in as many steps as it takes.
  const items = Math.floor(PAYLOAD_BYTES_MAX / 60_010);
  const lists = Array.from({ length: Math.ceil(RUN_STATE_BYTES_MAX / 60_000 / items) }, (_, list) =>
    makeStep(`each${list}`, { forEach: "input", maxConcurrency: 1000 }),
  );
  const count = lists.length * items;
  const plan = makePlan(lists);
  const start: RunCommand = { ...START, input: json(JSON.stringify(Array.from({ length: items }, () => 1))) };
  // A command begins only so many items; the others follow.
  const begun: RunCommand[] = [
    start,
    ...Array.from({ length: 8 }, (): RunCommand => ({ type: "advance", ...TO, lost: [] })),
  ];
  const results = Array.from({ length: count }, (_, at): RunCommand => {
    const place = { step: Math.floor(at / items), item: at % items };
    const result = { ...TOKEN, ...place, outcome: { type: "completed", output: LARGE } } as const;
    return { type: "result", ...TO, result };
  });
  const signal: RunCommand = { type: "signal", ...TO, signalId: "", name: "go", payload: LARGE };
  const cancel: RunCommand = { type: "cancel", ...TO, reason: "" };

  it("I9: fails when it holds more than it may, and its open attempts are called back", () => {
    let run = brought(begun, plan);
    let taken = 0;
    for (const command of results) {
      if (run?.endedMs !== 0) break;
      const decision = makeDecision(plan, run, { nowMs: NOW_MS, seed: 1 });
      decide(decision, command);
      run = decision.run;
      taken++;
      const withdraws = decision.reactions.some(({ type }) => type === "withdraw");
      expect(withdraws).toBe(run?.status === "failed");
    }
    expect(taken).toBeLessThan(count);
    expect(run).toMatchObject({
      status: "failed",
      failure: { step: -1, item: -1, failure: { code: "RUN_TOO_LARGE", class: "permanent" } },
    });
    expect(run?.stateBytes).toBeLessThan(RUN_STATE_BYTES_MAX + 2 * LARGE.length);
  });

  it("I9: is not made to fail by signals nobody asked for: these are refused", () => {
    const nearlyFull = results.slice(0, Math.floor((RUN_STATE_BYTES_MAX - count * 1_000) / 60_300));
    const decision = makeDecision(plan, brought([...begun, ...nearlyFull], plan), { nowMs: NOW_MS, seed: 1 });
    expect(decision.run?.status).toBe("running");
    let decided = decide(decision, signal);
    for (let sent = 0; sent < 100 && !("code" in decided); sent++) decided = decide(decision, signal);
    expect(decided).toMatchObject({ code: "SIGNAL_BUFFER_FULL", retryDelayMs: 1000 });
    expect(decision.run?.status).toBe("running");
  });

  it("ends cancelled, however large, when it was asked to", () => {
    const cancelAt = Math.floor(RUN_STATE_BYTES_MAX / 60_300) - 20;
    const way = [...begun, ...results.slice(0, cancelAt), cancel, ...results.slice(cancelAt)];
    const run = brought(way, plan);
    expect(run?.status).toBe("cancelled");
    expect(run?.stateBytes).toBeGreaterThan(RUN_STATE_BYTES_MAX);
  });

  it("fails at once when it is retried", () => {
    const run = brought([...begun, ...results, { type: "retry", ...TO, requestId: "" }], plan);
    expect(run).toMatchObject({ epoch: 2, status: "failed", failure: { failure: { code: "RUN_TOO_LARGE" } } });
  });
});

describe("a list joined from the outputs of items", () => {
  /** The run after these items of a list of `count` have completed, one after the other. */
  function completed(count: number, outputs: readonly Payload[]): RunState | undefined {
    const plan = makePlan([makeStep("each", { forEach: "input", maxConcurrency: 1000 })], "${steps.each.output}");
    let run: RunState | undefined;
    const move = (command: RunCommand): void => {
      const decision = makeDecision(plan, run, { nowMs: NOW_MS, seed: 1 });
      decide(decision, command);
      run = decision.run;
    };
    move({ ...START, input: json(JSON.stringify(Array.from({ length: count }, () => 1))) });
    for (const [item, output] of outputs.entries())
      move({ type: "result", ...TO, result: { ...TOKEN, item, outcome: { type: "completed", output } } });
    return run;
  }

  it("I9: fails its step with the first output that makes it larger than any payload may be", () => {
    const large = json(JSON.stringify("é".repeat(30_000)));
    const fit = Math.floor(PAYLOAD_BYTES_MAX / (60_002 + 1));
    expect(completed(200, Array<Payload>(fit).fill(large))).toMatchObject({ status: "running" });
    expect(completed(200, Array<Payload>(fit + 1).fill(large))).toMatchObject({
      status: "failed",
      failure: { step: 0, item: -1, failure: { code: "PAYLOAD_TOO_LARGE" } },
      openAttempts: 0,
    });
  });

  it.each([
    [0, "completed"],
    [1, "failed"],
  ])("I9: takes what a payload may be, and %d bytes more is %s", (more, status) => {
    const blob = { sha256: "0".repeat(64), bytes: PAYLOAD_BYTES_MAX - "[,{}]".length + more };
    expect(completed(2, [blob, json("{}")])).toMatchObject({ status });
  });
});

describe("folding", () => {
  const { runId: id } = TO;

  it.each([
    ["an event of a run that was never started", undefined, { type: "step-joined", runId: id, step: 0 }],
    ["a list joined that was never fanned out", [START], { type: "step-joined", runId: id, step: 0 }],
    ["a signal taken by a step that waits for none", [START], { type: "signal-taken", runId: id, step: 0 }],
    [
      "the result of a step that is not scheduled",
      WAYS["completed"],
      { type: "attempt-cancelled", runId: id, step: 0, item: -1, attempt: 1 },
    ],
    [
      "an item of a step without items",
      [START],
      { type: "attempt-cancelled", runId: id, step: 0, item: 3, attempt: 1 },
    ],
  ] as const)("stops at %s", (_, way, event) => {
    const run = way === undefined ? undefined : brought(way);
    expect(() => evolve(run, event, NOW_MS)).toThrow(id);
  });
});
