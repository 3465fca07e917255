import { STEPS_MAX } from "@millrace/model/definition.ts";
import type { Failure } from "@millrace/model/failure.ts";
import { workerName } from "@millrace/model/ids.ts";
import { ITEM_INPUT, json, RUN_INPUT, WRITTEN_INPUT } from "@millrace/model/payload.ts";
import type { AttemptLog, RunState, StepState, TaskCompleted } from "@millrace/model/run-state.ts";
import type { TaskToken } from "@millrace/model/task.ts";
import { FailureClass } from "@millrace/rpc/generated/millrace/v1/failures.ts";
import { GetTimelineResponse, StepStatus, type TimelineStep } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { RESPONSE_BYTES_MAX } from "@millrace/rpc/limits.ts";
import { describe, expect, it } from "vitest";
import { FakeBlobs } from "../testdata/fake-blobs.ts";
import { definitionOf, makeRun, STARTED_MS } from "../testdata/make-run.ts";
import { FailureTexts } from "./failure-texts.ts";
import { nothingLeftOut } from "./left-out.ts";
import { runMessage } from "./run-message.ts";
import { PayloadTexts } from "./run-payloads.ts";
import { rowMessage, type TimelineSources } from "./timeline.ts";
import { timelineRows } from "./timeline-rows.ts";

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
  const run = makeRun(DEFINITION, states, over);
  const all = { ...SOURCES, payloads: new PayloadTexts(), failures: new FailureTexts(), ...sources };
  return timelineRows(run, null).map((row) => rowMessage(run, all, row));
}

const NOTHING = nothingLeftOut();

const SOURCES = { definition: DEFINITION, nowMs: at(100), live: () => undefined };

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

const THREE_ITEMS = {
  sinceMs: at(1),
  endedMs: at(30),
  items: [json("1"), json("2"), json("3")],
  tasks: [completed('"x"', ITEM_INPUT), completed('"y"', ITEM_INPUT), completed('"z"', ITEM_INPUT)],
  next: 3,
  open: 0,
  completed: 3,
  outputBytes: 0,
};

describe("forEach", () => {
  const items = THREE_ITEMS;
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
      outputBytes: 0,
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

  it("counts its items by where they are, adds up their attempts, and says how long one waited at most", () => {
    const held = { ...task, status: "scheduled", attempt: 2, scheduledMs: at(90), log } as const;
    const failed = { ...task, status: "failed", attempt: 2, endedMs: at(20), failure, log } as const;
    const tasks = [
      ...[completed("1"), completed("2"), failed, held, { ...held, scheduledMs: at(55) }, null],
      { ...task, status: "backoff", attempt: 4, retryAtMs: at(300), log } as const,
      { ...task, status: "abandoned", attempt: 1, endedMs: at(30), log: null, child: null } as const,
    ];
    const live = ({ item }: TaskToken) =>
      item === 3 ? { startedMs: at(95), worker: workerName("w"), progress: null } : undefined;
    const state = { ...items, status: "fanned-out", items: tasks.map(() => json("1")), tasks } as const;
    expect(steps([...before, { ...state, tasks: [...tasks] }], {}, { live })[2]).toMatchObject({
      ...{ itemsTotal: 8, itemsCompleted: 2, itemsFailed: 1, itemsRunning: 1, itemsQueued: 1, itemsRetrying: 1 },
      ...{ itemsAbandoned: 1, attempts: 13, queueMs: 45, omitted: undefined },
    });
  });

  it("I9: shows 1,000 items: those that failed or retry, then those under way, then the others", () => {
    const failed = { ...task, status: "failed", attempt: 2, endedMs: at(20), failure, log } as const;
    const held = { ...task, status: "scheduled", attempt: 1, scheduledMs: at(90), log: null } as const;
    const tasks = Array.from({ length: 1_500 }, (_, item) =>
      item >= 1_498 ? failed : item % 2 === 0 && item < 1_000 ? held : completed("1"),
    );
    const list = { ...items, status: "fanned-out" as const, items: tasks.map(() => json("1")), tasks };
    const rows = steps([...before, list]);
    expect(rows).toHaveLength(3 + 1_000);
    expect(rows[2]?.omitted).toEqual({ ...NOTHING, items: 500 });
    const shown = rows.slice(3);
    expect(shown.map(({ item }) => item)).toEqual(shown.map(({ item }) => item).toSorted((a, b) => a - b));
    expect(
      Map.groupBy(shown, ({ status }) => status)
        .get(StepStatus.FAILED)
        ?.map(({ item }) => item),
    ).toEqual([1_499, 1_500]);
    expect(shown.filter(({ status }) => status === StepStatus.QUEUED)).toHaveLength(500);
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

  it("marks what a brief timeline leaves out with its size, and what is empty not at all", () => {
    const rows = steps([completed('"é"'), { status: "pending" }], {}, { payloads: new PayloadTexts(0) });
    expect([rows[0]?.input.length, rows[0]?.output.length, rows[0]?.logs.length]).toEqual([0, 0, 0]);
    expect(rows[0]?.omitted).toEqual({ ...NOTHING, inputBytes: 8, outputBytes: 4, logsBytes: 14 });
    expect(rows[1]?.omitted).toBe(undefined);
    const [retried] = steps(
      [{ ...task, status: "backoff", attempt: 2, retryAtMs: at(300), log }],
      {},
      { payloads: new PayloadTexts(0) },
    );
    expect(retried?.failedAttempts.map(({ omitted }) => omitted)).toEqual([{ ...NOTHING, logsBytes: 3 }, undefined]);
  });

  it("I9: leaves payloads out when the answer is full, and says so", () => {
    const large = json(JSON.stringify("x".repeat(5 * 1024 * 1024)));
    const rows = steps([completed(large), completed(large), completed(large)], { input: json("0") });
    expect(rows.map(({ output }) => output.length > 0)).toEqual([true, true, false]);
    expect(rows.map(({ omitted }) => omitted?.outputBytes)).toEqual([undefined, undefined, large.length]);
  });

  it("shows blobs that were loaded, alone and in lists, and marks the others as left out", async () => {
    const blobs = new FakeBlobs();
    const { runId } = makeRun(DEFINITION, []);
    const ref = await blobs.put(runId, Buffer.from('"b"'));
    const blob = { ...completed("1"), output: ref };
    const list: StepState = { ...THREE_ITEMS, status: "joined", tasks: [blob, completed("2"), blob] };
    const states: StepState[] = [blob, completed("1"), list];
    const payloads = new PayloadTexts();
    await payloads.load(blobs, runId, [ref]);
    const loaded = steps(states, {}, { payloads });
    expect([loaded[0], loaded[2]].map((row) => row?.output.toString())).toEqual(['"b"', '["b",2,"b"]']);
    const rows = steps(states);
    expect([rows[0], rows[2]].map((row) => row?.output.length)).toEqual([0, 0]);
    expect([rows[0], rows[2]].map((row) => row?.omitted?.outputBytes)).toEqual([3, 11]);
  });
});

describe("I9: the largest answer there can be", () => {
  const long = "€".repeat(4_096);
  const worst: Failure = { code: "C".repeat(128), class: "permanent", message: long, guidance: long, retryAfterMs: 1 };
  const attempt = { ...log.first, worker: workerName("é".repeat(129)), failure: worst };
  const worstLog: AttemptLog = {
    first: attempt,
    recent: Array.from({ length: 10 }, () => attempt),
    errors: Array.from({ length: 10 }, () => ({ code: worst.code, message: long, count: 1 })),
  };
  const failed = { ...task, status: "failed", attempt: 11, endedMs: at(20), failure: worst, log: worstLog } as const;
  const LARGE = definitionOf(
    JSON.stringify({
      name: "large",
      steps: Object.fromEntries(
        Array.from({ length: STEPS_MAX }, (_, step) => [
          `s${step}`.padEnd(64, "_"),
          { uses: "u".repeat(128), ...(step === 7 ? { forEach: "${[]}" } : {}) },
        ]),
      ),
    }),
  );
  const states = LARGE.steps.map(
    (step): StepState =>
      step.forEach === null
        ? { ...failed, input: json(JSON.stringify("i".repeat(60_000))) }
        : {
            ...{
              status: "items-failed",
              sinceMs: at(1),
              endedMs: at(2),
              next: 10_000,
              open: 0,
              completed: 0,
              outputBytes: 0,
            },
            items: Array.from({ length: 10_000 }, () => json("1")),
            tasks: Array.from({ length: 10_000 }, () => failed),
          },
  );
  const over = { failure: { step: 1, item: -1, failure: worst }, reason: long.slice(0, 1_024) };

  it("fits into a response, with every step in it, and what does not fit is marked", () => {
    const run = makeRun(LARGE, states, over);
    const payloads = new PayloadTexts();
    const sources = { ...SOURCES, definition: LARGE, payloads, failures: new FailureTexts() };
    const response = {
      run: runMessage(run, LARGE, payloads),
      steps: timelineRows(run, null).map((row) => rowMessage(run, sources, row)),
    };
    expect(GetTimelineResponse.encode(response).finish().length).toBeLessThan(RESPONSE_BYTES_MAX);
    expect(response.steps).toHaveLength(STEPS_MAX + 1_000);
    const parent = response.steps.find(({ itemsTotal }) => itemsTotal > 0);
    expect(parent).toMatchObject({ itemsFailed: 10_000, attempts: 110_000, omitted: { items: 9_000 } });
    const last = response.steps.at(-1);
    expect(last?.failure?.message).toBe(`${"€".repeat(127)}…`);
    expect(last?.omitted).toEqual({ ...NOTHING, inputBytes: 60_002, failedAttempts: 11, failureTexts: true });
  });

  it("of one step or item leaves nothing out", () => {
    const run = makeRun(LARGE, states, over);
    const sources = { ...SOURCES, definition: LARGE, payloads: new PayloadTexts(), failures: new FailureTexts() };
    const item = rowMessage(run, sources, { step: 7, item: 9_999, itemsLeftOut: 0 });
    expect(item).toMatchObject({ item: 10_000, failure: { message: long, guidance: long }, omitted: undefined });
    expect(item.failedAttempts).toHaveLength(11);
  });
});

describe("a run", () => {
  const texts = () => new PayloadTexts();

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
