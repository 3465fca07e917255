import { stripVTControlCharacters } from "node:util";
import type { FailedAttempt, Timeline, TimelineStep } from "@millrace/sdk/client/timeline.ts";
import picocolors from "picocolors";
import { describe, expect, test } from "vitest";
import { leftOutLines, leftOutOfWhole } from "./left-out.ts";
import { timelineText } from "./timeline-table.ts";

const START_MS = Date.UTC(2026, 0, 31, 8);
const PLAIN = picocolors.createColors(false);

function at(ms: number): Date {
  return new Date(START_MS + ms);
}

function step(name: string, rest: Partial<TimelineStep> = {}): TimelineStep {
  return {
    step: name,
    item: -1,
    uses: "t",
    status: "pending",
    scheduleTime: undefined,
    startTime: undefined,
    endTime: undefined,
    queueMs: 0,
    runMs: 0,
    worker: "",
    attempts: 0,
    maxAttempts: 5,
    input: undefined,
    output: undefined,
    failure: undefined,
    failedAttempts: [],
    errors: [],
    dueTime: undefined,
    logs: undefined,
    progress: undefined,
    itemsTotal: 0,
    itemsCompleted: 0,
    itemsFailed: 0,
    itemsRetrying: 0,
    itemsRunning: 0,
    itemsQueued: 0,
    itemsAbandoned: 0,
    omitted: undefined,
    ...rest,
  };
}

function failedTry(attempt: number, fromMs: number, untilMs: number): FailedAttempt {
  const failure = { code: "BUSY", class: "transient", message: "Come\n again.", guidance: "" } as const;
  return {
    attempt,
    scheduleTime: at(fromMs),
    startTime: at(fromMs),
    endTime: at(untilMs),
    worker: "w@1",
    failure,
    logs: undefined,
    omitted: undefined,
  };
}

function timeline(...steps: TimelineStep[]): Timeline {
  return {
    run: {
      runId: "r",
      workflow: "flow",
      version: 3,
      status: "completed",
      epoch: 1,
      tenant: "default",
      startTime: at(0),
      endTime: at(1_000),
      input: undefined,
      output: undefined,
      failure: undefined,
      failedStep: "",
      reason: "",
      retryingSteps: 0,
      nextAttemptTime: undefined,
      idempotencyKey: "",
      stepsTotal: steps.length,
      stepsSettled: steps.length,
      omitted: undefined,
    },
    steps,
  };
}

function lines(shown: Timeline, style: { columns?: number; unfolded?: boolean } = {}): string[] {
  return timelineText(shown, { columns: 80, colours: PLAIN, nowMs: START_MS + 1_000, ...style }).split("\n");
}

const done = { status: "completed", attempts: 1, scheduleTime: at(0), startTime: at(0), endTime: at(500) } as const;

describe("a timeline", () => {
  test("says what the run is, and gives each step a row with a bar over its time", () => {
    const [head, titles, first, second] = lines(
      timeline(
        step("first", done),
        step("second", { ...done, scheduleTime: at(500), startTime: at(500), endTime: at(1_000) }),
      ),
    );
    expect(head).toMatch(/^Run r of flow v3: completed in 1\.00 s, started 2026-01-3/);
    expect(titles).toMatch(/^STEP +STATUS +TRIES +QUEUED +TOOK +0 ─+ 1\.00 s$/);
    expect(first).toMatch(/^first +completed +1 +0 ms +500 ms +█+$/);
    expect(second).toMatch(/^second +completed +1 +0 ms +500 ms +█+$/);
    expect(second?.indexOf("█")).toBe(first?.length);
  });

  test("shows failed tries and the waiting between them, and tells each in a line", () => {
    const shown = lines(
      timeline(
        step("a", {
          ...done,
          attempts: 2,
          startTime: at(600),
          endTime: at(1_000),
          failedAttempts: [failedTry(1, 0, 200)],
        }),
      ),
    );
    expect(shown[2]).toMatch(/^a +completed +2 .* ▒+·+█+$/);
    expect(shown[3]).toBe("a, try 1: BUSY Come again.");
  });

  test("folds items into one row whose bar is as high as many are under way", () => {
    const item = (index: number, fromMs: number, untilMs: number): TimelineStep =>
      step("each", { ...done, item: index, scheduleTime: at(0), startTime: at(fromMs), endTime: at(untilMs) });
    const parent = step("each", { ...done, attempts: 3, itemsTotal: 3, itemsCompleted: 3, endTime: at(1_000) });
    const all = timeline(parent, item(0, 0, 1_000), item(1, 500, 1_000), item(2, 500, 1_000));
    const shown = lines(all);
    expect(shown).toHaveLength(3);
    expect(shown[2]).toMatch(/^each +completed 3\/3 +3 .* ▃+█+$/);
    expect(
      lines(all, { unfolded: true })
        .slice(3)
        .map((line) => line.trim().split(/ +/)[0]),
    ).toEqual(["each[0]", "each[1]", "each[2]"]);
  });

  test("says what it leaves out and how to see it, and draws no bar of a part of the items", () => {
    const left = { ...{ inputBytes: 0, outputBytes: 0, logsBytes: 0, progressBytes: 0, failedAttempts: 0 }, items: 0 };
    const parent = step("each", {
      ...{ ...done, status: "running", attempts: 3, itemsTotal: 5_000, itemsFailed: 2, itemsRetrying: 7 },
      omitted: { ...left, failureTexts: false, items: 4_999 },
    });
    const item = step("each", { ...done, item: 17, omitted: { ...left, failedAttempts: 2, failureTexts: true } });
    const shown = lines(timeline(parent, item), { columns: 120 });
    expect(shown[2]).toMatch(/^each +running 0\/5000, 2 failed, 7 retrying +3 .* █+$/);
    expect(shown.slice(3)).toEqual([
      "each: 4999 of 5000 items are left out here. All of them: millrace run items r --step each",
      "Rows whose failures are cut short: 1. One alone is whole: millrace run timeline r --step each --item 17 --json",
    ]);
  });

  test("of payloads says which are left out, whether its own or a step's", () => {
    const left = {
      ...{ failedAttempts: 0, failureTexts: false, items: 0 },
      outputBytes: 0,
      logsBytes: 0,
      progressBytes: 0,
    };
    const omitted = { ...left, inputBytes: 5 };
    const whole = timeline(step("a", done), step("b", { ...done, omitted }));
    expect(leftOutLines(whole)).toEqual([]);
    expect(leftOutOfWhole({ ...whole, run: { ...whole.run, omitted } })).toEqual([
      'Rows whose payloads are left out, as "omitted" says: 1. One alone is whole: millrace run timeline r --step b --json',
      "The run's own payloads are left out. See: millrace run get r",
    ]);
    const attempt = { ...failedTry(1, 0, 200), omitted };
    expect(leftOutOfWhole(timeline(step("a", { ...done, failedAttempts: [attempt] })))).toHaveLength(1);
  });

  test("leaves steps that have not begun without a bar, and lets waiting reach to now", () => {
    const shown = lines(timeline(step("wait", { status: "waiting", scheduleTime: at(500) }), step("later")));
    expect(shown[2]).toMatch(/^wait +waiting +500 ms +·+$/);
    expect(shown[3]).toBe("later  pending");
  });

  test.each([60, 80, 120, 400])("fits into %i columns, and no bar is wider than 80", (columns) => {
    const shown = lines(timeline(step("first", { ...done, endTime: at(1_000) })), { columns }).slice(1);
    expect(Math.max(...shown.map((line) => line.length))).toBeLessThanOrEqual(columns);
    expect(/█+/.exec(shown[1] ?? "")?.[0].length).toBeLessThanOrEqual(80);
  });

  test("says what to do about the step that failed, and how many failures are left out", () => {
    const tries = Array.from({ length: 11 }, (_, index) => failedTry(index + 1, index * 10, index * 10 + 5));
    const failure = { code: "BROKEN", class: "permanent", message: "It is broken.", guidance: "Mend it." } as const;
    const shown = lines(
      timeline(step("a", { ...done, status: "failed", attempts: 12, failedAttempts: tries, failure })),
    );
    expect(shown.at(-1)).toBe("next: Mend it.");
    expect(shown.at(-2)).toBe("… and 4 more; --json shows them.");
  });

  test("in colours is the same text", () => {
    const shown = timeline(step("a", { ...done, failedAttempts: [failedTry(1, 0, 200)] }), step("b"));
    const style = { columns: 80, nowMs: START_MS + 1_000 };
    const coloured = timelineText(shown, { ...style, colours: picocolors.createColors(true) });
    expect(coloured).toContain("\u001B[32mcompleted");
    expect(stripVTControlCharacters(coloured)).toBe(timelineText(shown, { ...style, colours: PLAIN }));
  });
});
