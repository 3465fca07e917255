import type { Failure } from "@millrace/model/failure.ts";
import { workerName } from "@millrace/model/ids.ts";
import { ITEM_INPUT, json, RUN_INPUT, WRITTEN_INPUT } from "@millrace/model/payload.ts";
import type { AttemptLog, RunState, StepState, TaskCompleted } from "@millrace/model/run-state.ts";
import { FailureClass } from "@millrace/rpc/generated/millrace/v1/failures.ts";
import { StepStatus, type TimelineStep } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { describe, expect, it } from "vitest";
import { definitionOf, makeRun, STARTED_MS } from "../testdata/make-run.ts";
import { runMessage } from "./run-message.ts";
import { PayloadTexts } from "./run-payloads.ts";
import { type TimelineSources, timeline } from "./timeline.ts";

const at = (ms: number): number => STARTED_MS + ms;
const date = (ms: number): Date => new Date(at(ms));

const DEFINITION = definitionOf(`
name: flow
steps:
  a: { uses: t, retry: { maxAttempts: 7 } }
  b: { needs: [a], uses: t, with: { fixed: 1 } }
  c: { needs: [b], uses: t, forEach: "\${[1,2,3]}" }
`);

const failure: Failure = {
  code: "BOOM",
  class: "permanent",
  message: "it broke",
  guidance: "mend it",
  retryAfterMs: 0,
};
const FAILURE = { ...failure, class: FailureClass.PERMANENT };

const log: AttemptLog = {
  first: {
    attempt: 1,
    scheduledMs: at(0),
    startedMs: at(2),
    endedMs: at(5),
    worker: workerName("w@1"),
    failure,
    logs: json("[1]"),
  },
  recent: [
    {
      attempt: 2,
      scheduledMs: at(10),
      startedMs: at(13),
      endedMs: at(20),
      worker: workerName("w@2"),
      failure: { ...failure, message: "again" },
      logs: null,
    },
  ],
  errors: [{ code: "BOOM", message: "it broke", count: 2 }],
};

const task = { keyEpoch: 1, input: RUN_INPUT, firstScheduledMs: at(1) };

const completed = (output: string, input: TaskCompleted["input"] = RUN_INPUT): TaskCompleted => ({
  ...task,
  status: "completed",
  input,
  attempt: 1,
  scheduledMs: at(1),
  startedMs: at(4),
  endedMs: at(9),
  worker: workerName("w@1"),
  output: json(output),
  logs: json('[{"msg":"hi"}]'),
  log: null,
});

function steps(
  states: StepState[],
  over: Partial<RunState> = {},
  sources: Partial<TimelineSources> = {},
): TimelineStep[] {
  return timeline(makeRun(DEFINITION, states, over), {
    definition: DEFINITION,
    nowMs: at(100),
    live: () => undefined,
    texts: new PayloadTexts(new Map()),
    ...sources,
  });
}

/** The step `a` of a run in which it is in this state, without what is empty. */
function only(
  state: StepState,
  over: Partial<RunState> = {},
  sources: Partial<TimelineSources> = {},
): Record<string, unknown> {
  const [step] = steps([state], over, sources);
  return Object.fromEntries(
    Object.entries(step ?? {})
      .filter(
        ([, value]) =>
          value !== undefined && value !== 0 && value !== "" && !(Array.isArray(value) && value.length === 0),
      )
      .filter(([, value]) => !(Buffer.isBuffer(value) && value.length === 0))
      .map(([key, value]) => [key, Buffer.isBuffer(value) ? value.toString() : value]),
  );
}

const base = { step: "a", uses: "t" };
const taskBase = { ...base, scheduleTime: date(1), maxAttempts: 7, input: '{"in":1}' };

describe("every state of a step", () => {
  it.each<[string, StepState, Record<string, unknown>]>([
    ["pending", { status: "pending" }, { ...base, status: StepStatus.PENDING }],
    ["skipped", { status: "skipped", atMs: at(3) }, { ...base, status: StepStatus.SKIPPED, endTime: date(3) }],
    [
      "done",
      { status: "done", sinceMs: at(1), endedMs: at(2), output: json("5") },
      { ...base, status: StepStatus.COMPLETED, scheduleTime: date(1), endTime: date(2), output: "5" },
    ],
    [
      "faulted",
      { status: "faulted", sinceMs: at(1), endedMs: at(2), failure },
      { ...base, status: StepStatus.FAILED, scheduleTime: date(1), endTime: date(2), failure: FAILURE },
    ],
    [
      "sleeping",
      { status: "sleeping", sinceMs: at(1), untilMs: at(500) },
      { ...base, status: StepStatus.SLEEPING, scheduleTime: date(1), dueTime: date(500) },
    ],
    [
      "waiting for ever",
      { status: "waiting", sinceMs: at(1), signal: "s", deadlineMs: 0 },
      { ...base, status: StepStatus.WAITING, scheduleTime: date(1) },
    ],
    [
      "scheduled, nobody has it",
      { ...task, status: "scheduled", attempt: 1, scheduledMs: at(40), log: null },
      { ...taskBase, status: StepStatus.QUEUED, attempts: 1, queueMs: 60 },
    ],
    [
      "backoff",
      { ...task, status: "backoff", attempt: 2, retryAtMs: at(300), log },
      {
        ...taskBase,
        status: StepStatus.RETRYING,
        attempts: 2,
        dueTime: date(300),
        failure: { ...FAILURE, message: "again" },
        errors: [{ code: "BOOM", message: "it broke", count: 2 }],
        failedAttempts: [
          {
            attempt: 1,
            scheduleTime: date(0),
            startTime: date(2),
            endTime: date(5),
            worker: "w@1",
            failure: FAILURE,
            logs: Buffer.from("[1]"),
          },
          {
            attempt: 2,
            scheduleTime: date(10),
            startTime: date(13),
            endTime: date(20),
            worker: "w@2",
            failure: { ...FAILURE, message: "again" },
            logs: Buffer.alloc(0),
          },
        ],
      },
    ],
    [
      "completed",
      completed('{"ok":true}'),
      {
        ...taskBase,
        status: StepStatus.COMPLETED,
        attempts: 1,
        startTime: date(4),
        endTime: date(9),
        queueMs: 3,
        runMs: 5,
        worker: "w@1",
        output: '{"ok":true}',
        logs: '[{"msg":"hi"}]',
      },
    ],
  ])("%s", (_name, state, expected) => {
    expect(only(state)).toEqual(expected);
  });

  it("failed: its last attempt's times and worker", () => {
    const failed = only({ ...task, status: "failed", attempt: 2, endedMs: at(20), failure, log });
    expect(failed).toMatchObject({
      status: StepStatus.FAILED,
      startTime: date(13),
      endTime: date(20),
      queueMs: 3,
      runMs: 7,
      worker: "w@2",
      failure: FAILURE,
    });
  });

  it("abandoned: its newest error, if it had one", () => {
    expect(only({ ...task, status: "abandoned", attempt: 2, endedMs: at(30), log, child: null })).toMatchObject({
      status: StepStatus.ABANDONED,
      endTime: date(30),
      failure: { message: "again" },
    });
    expect(only({ ...task, status: "abandoned", attempt: 1, endedMs: at(30), log: null, child: null })["failure"]).toBe(
      undefined,
    );
  });

  it("scheduled and in a worker's hands: running, with its progress", () => {
    const live = () => ({ startedMs: at(60), worker: workerName("w@9"), progress: json('{"p":2}') });
    expect(only({ ...task, status: "scheduled", attempt: 3, scheduledMs: at(50), log }, {}, { live })).toMatchObject({
      status: StepStatus.RUNNING,
      startTime: date(60),
      queueMs: 10,
      runMs: 40,
      worker: "w@9",
      progress: '{"p":2}',
      failure: { message: "again" },
    });
  });

  it("waiting in a run that ended: abandoned", () => {
    const over = { endedMs: at(50), status: "terminated" } as const;
    expect(only({ status: "sleeping", sinceMs: at(1), untilMs: at(500) }, over)).toEqual({
      ...base,
      status: StepStatus.ABANDONED,
      scheduleTime: date(1),
      endTime: date(50),
    });
  });
});

describe("forEach", () => {
  const items = {
    sinceMs: at(1),
    endedMs: at(30),
    items: [json("1"), json("2"), json("3")],
    tasks: [completed('"x"', ITEM_INPUT), completed('"y"', ITEM_INPUT), completed('"z"', ITEM_INPUT)],
    next: 3,
    open: 0,
    completed: 3,
    outputBytes: 12,
  };
  const before: StepState[] = [completed("1"), completed("2", WRITTEN_INPUT)];

  it("shows the step, then its items from 1, each with the item as its input", () => {
    const rows = steps([...before, { ...items, status: "joined" }]).slice(2);
    expect(rows.map(({ step, item, status }) => [step, item, status])).toEqual([
      ["c", 0, StepStatus.COMPLETED],
      ["c", 1, StepStatus.COMPLETED],
      ["c", 2, StepStatus.COMPLETED],
      ["c", 3, StepStatus.COMPLETED],
    ]);
    expect(rows.map(({ input }) => input.toString())).toEqual(["", "1", "2", "3"]);
    expect(rows[0]).toMatchObject({
      output: Buffer.from('["x","y","z"]'),
      itemsTotal: 3,
      itemsCompleted: 3,
      endTime: date(30),
    });
  });

  it("shows what is under way, and items never scheduled as pending", () => {
    const under = {
      ...items,
      status: "fanned-out" as const,
      endedMs: 0,
      completed: 1,
      next: 1,
      tasks: [completed("1", ITEM_INPUT), null, null],
    };
    const rows = steps([...before, under]).slice(2);
    expect(rows.map(({ status }) => status)).toEqual([
      StepStatus.RUNNING,
      StepStatus.COMPLETED,
      StepStatus.PENDING,
      StepStatus.PENDING,
    ]);
    expect(rows[0]).toMatchObject({ itemsTotal: 3, itemsCompleted: 1, endTime: undefined });
    const ended = steps([...before, under], { endedMs: at(90), status: "terminated" }).slice(2);
    expect(ended[0]).toMatchObject({ status: StepStatus.ABANDONED, endTime: date(90) });
  });

  it("fails with the failure of the item that failed", () => {
    const failed = { ...task, status: "failed", attempt: 2, endedMs: at(20), failure, log } as const;
    const rows = steps([
      ...before,
      { ...items, status: "items-failed", completed: 2, tasks: [items.tasks[0] ?? null, failed, null] },
    ]).slice(2);
    expect(rows[0]).toMatchObject({ status: StepStatus.FAILED, failure: FAILURE });
    expect(rows[2]).toMatchObject({ status: StepStatus.FAILED, item: 2 });
  });
});

describe("payloads", () => {
  it("shows what a step's input refers to: another step, the definition, a joined list", () => {
    const rows = steps([completed('{"a":1}'), completed("2", WRITTEN_INPUT)]);
    expect(rows[1]?.input.toString()).toBe('{"fixed":1}');
    const passed = steps([completed('{"a":1}'), completed("2", 0)]);
    expect(passed[1]?.input.toString()).toBe('{"a":1}');
    const skipped = steps([{ status: "skipped", atMs: at(1) }, completed("2", 0)]);
    expect(skipped[1]?.input.toString()).toBe("null");
  });

  it("leaves payloads and logs out of a brief timeline", () => {
    const [row] = steps([completed("1")], {}, { texts: null });
    expect([row?.input.length, row?.output.length, row?.logs.length]).toEqual([0, 0, 0]);
  });

  it("I9: leaves payloads out when the answer is full, and shows blobs that were loaded", () => {
    const large = json(JSON.stringify("x".repeat(5 * 1024 * 1024)));
    const rows = steps([completed(large), completed(large), completed(large)], { input: json("0") });
    expect(rows.map(({ output }) => output.length > 0)).toEqual([true, true, false]);
    const ref = { sha256: "ab", bytes: 3 };
    const blob = { ...completed("1"), output: ref };
    const texts = new PayloadTexts(new Map([["ab", Buffer.from('"b"')]]));
    expect(steps([blob], {}, { texts })[0]?.output.toString()).toBe('"b"');
    expect(steps([blob])[0]?.output.length).toBe(0);
  });
});

describe("a run", () => {
  const texts = () => new PayloadTexts(new Map());

  it("shows the newest error while it retries, and when it tries again", () => {
    const retrying = { ...task, status: "backoff", attempt: 2, retryAtMs: at(300), log } as const;
    const run = runMessage(makeRun(DEFINITION, [completed("1"), retrying, { status: "pending" }]), DEFINITION, texts());
    expect(run).toMatchObject({
      failure: { message: "again" },
      failedStep: "b",
      retryingSteps: 1,
      nextAttemptTime: date(300),
      stepsTotal: 3,
      stepsSettled: 1,
    });
  });

  it("shows why and where it failed", () => {
    const over = { status: "failed", endedMs: at(50), failure: { step: 2, item: 4, failure } } as const;
    const run = runMessage(makeRun(DEFINITION, [{ status: "pending" }], over), DEFINITION, texts());
    expect(run).toMatchObject({ failure: FAILURE, failedStep: "c", endTime: date(50), nextAttemptTime: undefined });
  });

  it("shows an output that is another step's", () => {
    const run = makeRun(DEFINITION, [completed('"out"')], { status: "completed", output: 0 });
    expect(runMessage(run, DEFINITION, texts()).output.toString()).toBe('"out"');
  });
});
