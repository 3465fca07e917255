// GetTimeline and ListItems of large runs over a real socket, whose clients take 16 MiB.
import { Metadata } from "@grpc/grpc-js";
import { workerName } from "@millrace/model/ids.ts";
import { ITEM_INPUT, json, PAYLOAD_BYTES_MAX } from "@millrace/model/payload.ts";
import type { RunState, StepState, TaskCompleted, TaskState } from "@millrace/model/run-state.ts";
import { callFailureOf, type FailedCall } from "@millrace/rpc/call-failure.ts";
import { deadlineIn } from "@millrace/rpc/client.ts";
import {
  type GetTimelineRequest,
  type GetTimelineResponse,
  type ListItemsRequest,
  type ListItemsResponse,
  StepStatus,
  type TimelineStep,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { definitionOf, makeRun, STARTED_MS, viewOf } from "../testdata/make-run.ts";
import { answerOf, type ServedGateway, serveGateway } from "../testdata/served-gateway.ts";

let served: ServedGateway;
beforeAll(async () => {
  served = await serveGateway();
});
afterAll(() => served.close());

const DEFINITION = definitionOf(`
name: flow
steps:
  list: { uses: t }
  each: { needs: [list], uses: t, forEach: "\${steps.list.output}" }
  other: { needs: [list], uses: t, forEach: "\${steps.list.output}" }
  last: { needs: [each], uses: t }
`);

const failure = {
  code: "BUSY",
  class: "permanent",
  message: "m".repeat(4_096),
  guidance: "g".repeat(4_096),
  retryAfterMs: 0,
} as const;
const attempt = {
  ...{ attempt: 1, scheduledMs: STARTED_MS, startedMs: STARTED_MS, endedMs: STARTED_MS, worker: workerName("w@1") },
  ...{ failure, logs: null },
};
const TASK = { keyEpoch: 1, input: ITEM_INPUT, firstScheduledMs: STARTED_MS, endedMs: STARTED_MS };
const failed: TaskState = {
  ...TASK,
  ...{ status: "failed", attempt: 1, failure, log: { first: attempt, recent: [], errors: [] } },
};

function completed(output: string): TaskCompleted {
  return {
    ...TASK,
    ...{ status: "completed", attempt: 1, scheduledMs: STARTED_MS, startedMs: STARTED_MS, worker: workerName("w@1") },
    ...{ output: json(output), logs: null, log: null },
  };
}

function fannedOut(tasks: (TaskState | null)[]): StepState {
  return {
    ...{
      status: "fanned-out",
      sinceMs: STARTED_MS,
      endedMs: 0,
      next: tasks.length,
      open: 0,
      completed: 0,
      outputBytes: 0,
    },
    items: tasks.map((_, item) => json(`"item ${item}"`)),
    tasks,
  };
}

/** Serves a run of these items and gives its ID. */
function run(each: (TaskState | null)[], other: (TaskState | null)[] = [], over: Partial<RunState> = {}): string {
  const states = [completed("[1]"), fannedOut(each), fannedOut(other), { status: "pending" } as const];
  const made = makeRun(DEFINITION, states, over);
  served.shards.views.set(made.runId, viewOf(made, DEFINITION));
  return made.runId;
}

function timeline(fields: Partial<GetTimelineRequest>) {
  const request = { runId: "", brief: false, step: "", item: 0, ...fields };
  return answerOf<GetTimelineResponse>((callback) =>
    served.runs.getTimeline(request, new Metadata(), deadlineIn(20_000), callback),
  );
}

function listItems(fields: Partial<ListItemsRequest>) {
  const request = { runId: "", step: "", statuses: [], brief: false, pageSize: 0, pageToken: "", ...fields };
  return answerOf<ListItemsResponse>((callback) =>
    served.runs.listItems(request, new Metadata(), deadlineIn(20_000), callback),
  );
}

async function steps(fields: Partial<GetTimelineRequest>): Promise<TimelineStep[]> {
  const answer = await timeline(fields);
  if ("steps" in answer) return answer.steps;
  throw answer;
}

async function pages(fields: Partial<ListItemsRequest>): Promise<TimelineStep[][]> {
  const all: TimelineStep[][] = [];
  let pageToken = "";
  do {
    const page = await listItems({ ...fields, pageToken });
    if (!("items" in page)) throw page;
    all.push(page.items);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return all;
}

function fieldOf(answer: unknown): string | undefined {
  if (!isFailure(answer)) throw new Error(`not refused: ${JSON.stringify(answer)}`);
  return callFailureOf(answer).violations[0]?.field;
}

function isFailure(answer: unknown): answer is FailedCall {
  return answer instanceof Error && "metadata" in answer;
}

function placeOf({ step, item }: TimelineStep): string {
  return `${step} ${item}`;
}

describe("GetTimeline", () => {
  it("I9: of 3,000 items with long errors is answered, and says what is left out", async () => {
    const runId = run(Array.from({ length: 3_000 }, () => failed));
    const rows = await steps({ runId });
    expect(rows.map(({ step }) => step).filter((step) => step !== "each")).toEqual(["list", "other", "last"]);
    expect(rows[1]).toMatchObject({
      step: "each",
      item: 0,
      itemsTotal: 3_000,
      itemsFailed: 3_000,
      omitted: { items: 2_000 },
    });
    expect(rows[2]).toMatchObject({ failure: { message: failure.message }, omitted: undefined });
    expect(rows.at(-3)).toMatchObject({ item: 1_000, omitted: { failureTexts: true, failedAttempts: 1 } });
  });

  it("shows a step with its items alone, and an item alone", async () => {
    const runId = run([completed("1"), failed], [failed]);
    expect((await steps({ runId, step: "each" })).map(placeOf)).toEqual(["each 0", "each 1", "each 2"]);
    expect((await steps({ runId, step: "list" })).map(placeOf)).toEqual(["list 0"]);
    const [item, ...rest] = await steps({ runId, step: "each", item: 2 });
    expect(item).toMatchObject({
      item: 2,
      status: StepStatus.FAILED,
      input: Buffer.from('"item 1"'),
      omitted: undefined,
    });
    expect(rest).toEqual([]);
  });

  it("I9: shows all of an item alone, however large its payloads and the run's own are", async () => {
    const { runId } = makeRun(DEFINITION, []);
    const large = async (letter: string) =>
      served.blobs.put(runId, Buffer.from(JSON.stringify(letter.repeat(PAYLOAD_BYTES_MAX - 2))));
    const [input, output, runInput] = [await large("i"), await large("o"), await large("r")];
    run([{ ...completed("1"), input, output }], [], { input: runInput });
    const answer = await timeline({ runId, step: "each", item: 1 });
    if (!("steps" in answer)) throw answer;
    expect([answer.steps[0]?.input.length, answer.steps[0]?.output.length]).toEqual([input.bytes, output.bytes]);
    expect(answer.steps[0]?.omitted).toBe(undefined);
    expect(answer.run?.omitted?.inputBytes).toBe(runInput.bytes);
  });

  it.each([
    ["step", { step: "each2" }],
    ["item", { item: 1 }],
    ["item", { step: "each", item: 3 }],
    ["item", { step: "list", item: 1 }],
  ])("I8: refuses a bad %s", async (field, fields) => {
    expect(fieldOf(await timeline({ runId: run([null, null]), ...fields }))).toBe(field);
  });
});

describe("ListItems", () => {
  it("lists the items of a step, or of all, in pages that hold each once and in order", async () => {
    const runId = run(
      Array.from({ length: 250 }, (_, item) => (item % 2 === 0 ? completed("1") : null)),
      [failed, null],
    );
    const all = await pages({ runId, pageSize: 100 });
    expect(all.map((page) => page.length)).toEqual([100, 100, 52]);
    expect(all.flat().map(placeOf)).toEqual([
      ...Array.from({ length: 250 }, (_, item) => `each ${item + 1}`),
      ...["other 1", "other 2"],
    ]);
    expect(all[0]?.[0]).toMatchObject({ input: Buffer.from('"item 0"'), output: Buffer.from("1") });
    expect((await pages({ runId, step: "other" })).flat().map(placeOf)).toEqual(["other 1", "other 2"]);
    expect((await pages({ runId, step: "each" })).map((page) => page.length)).toEqual([100, 100, 50]);
  });

  it("filters by state", async () => {
    const runId = run([completed("1"), failed, null, failed], [null, failed]);
    const found = await pages({ runId, statuses: [StepStatus.FAILED], pageSize: 2 });
    expect(found.map((page) => page.map(placeOf))).toEqual([["each 2", "each 4"], ["other 2"]]);
    const two = await pages({ runId, step: "each", statuses: [StepStatus.PENDING, StepStatus.COMPLETED] });
    expect(two.flat().map(placeOf)).toEqual(["each 1", "each 3"]);
  });

  it("I9: ends a page before it is too large, so that nothing is left out", async () => {
    const large = JSON.stringify("o".repeat(60_000));
    const runId = run(
      Array.from({ length: 400 }, () => completed(large)),
      Array.from({ length: 200 }, () => failed),
    );
    const found = await pages({ runId, pageSize: 1_000 });
    expect(found.length).toBeGreaterThan(2);
    expect(found.flat()).toHaveLength(600);
    expect(found.flat().filter(({ omitted }) => omitted !== undefined)).toEqual([]);
    const [brief, ...rest] = await pages({ runId, step: "each", brief: true, pageSize: 1_000 });
    expect([brief?.length, rest.length]).toEqual([400, 0]);
    expect(brief?.[0]?.omitted).toMatchObject({ outputBytes: large.length, inputBytes: 8 });
  });

  it("leaves out only what fits into no page", async () => {
    const gone = { sha256: "ab", bytes: 70_000 };
    const runId = run([completed("1"), { ...completed("2"), output: gone }, completed("3")]);
    const found = await pages({ runId });
    expect(found.flat().map(({ omitted }) => omitted?.outputBytes)).toEqual([undefined, 70_000, undefined]);
  });

  it("has an empty page of a step that has no items yet", async () => {
    const runId = run([]);
    expect(await listItems({ runId, step: "each" })).toEqual({ items: [], nextPageToken: "" });
  });

  it.each([
    ["step", { step: "nothing" }],
    ["step", { step: "list" }],
    ["statuses", { statuses: [StepStatus.UNSPECIFIED] }],
    ["page_size", { pageSize: 1_001 }],
    ["page_token", { pageToken: "###" }],
  ])("I8: refuses a bad %s", async (field, fields) => {
    expect(fieldOf(await listItems({ runId: run([null]), ...fields }))).toBe(field);
  });

  it("I8: refuses a token of other filters, and one whose place is none", async () => {
    const runId = run([null, null]);
    const first = await listItems({ runId, pageSize: 1 });
    const pageToken = "nextPageToken" in first ? first.nextPageToken : "";
    expect(fieldOf(await listItems({ runId, step: "each", pageToken }))).toBe("page_token");
    const hash = Buffer.from(pageToken, "base64url").toString().slice(0, 8);
    const forged = Buffer.from(`${hash}1.-5`).toString("base64url");
    expect(fieldOf(await listItems({ runId, pageToken: forged }))).toBe("page_token");
  });
});
