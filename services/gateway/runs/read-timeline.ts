// GetTimeline and ListItems.

import type {
  GetTimelineRequest,
  GetTimelineResponse,
  ListItemsRequest,
  ListItemsResponse,
  TimelineStep,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { StepStatus } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { type CallContext, type Outcome, Refused } from "../calls/call.ts";
import { invalid, numberFault, shown } from "../calls/fields.ts";
import { FailureTexts } from "./failure-texts.ts";
import { leavesPayloadsOut, leavesTextsOut } from "./left-out.ts";
import type { OpenedView } from "./opened-view.ts";
import { lastOfPage, pageToken } from "./page-token.ts";
import { openRun, type ReadPorts } from "./read-runs.ts";
import { runMessage } from "./run-message.ts";
import { followOutput, PayloadTexts } from "./run-payloads.ts";
import { standingOf } from "./task-standing.ts";
import { rowMessage, rowPayloads, type TimelineSources } from "./timeline.ts";
import { itemRows, itemsOf, type TimelineRow, timelineRows } from "./timeline-rows.ts";

const PAGE_SIZE_MAX = 1_000;
const PAGE_SIZE_DEFAULT = 100;

/** Step names in an error: enough to see the one that was meant. */
const NAMES_SHOWN_MAX = 20;

export async function getTimeline(
  ports: ReadPorts,
  request: GetTimelineRequest,
  context: CallContext,
): Promise<Outcome<GetTimelineResponse>> {
  const opened = await openRun(ports, request.runId, context);
  if (opened instanceof Refused) return opened;
  const rows = rowsAsked(opened, request);
  if (rows instanceof Refused) return rows;
  const { run, definition } = opened;
  const payloads = new PayloadTexts(request.brief ? 0 : undefined);
  const own = [run.input, followOutput(run, definition)];
  const theirs = request.brief ? [] : rows.flatMap((row) => [...rowPayloads(run, definition, row)]);
  // What is asked for alone is whole, whatever the run's own payloads: it has the room first.
  if (request.step !== "") {
    await payloads.load(ports.blobs, run.runId, [...theirs, ...own]);
    const steps = stepMessages(ports, opened, rows, payloads);
    return { run: runMessage(run, definition, payloads), steps };
  }
  await payloads.load(ports.blobs, run.runId, [...own, ...theirs]);
  return { run: runMessage(run, definition, payloads), steps: stepMessages(ports, opened, rows, payloads) };
}

/** Steps and items as they are now. */
export function stepMessages(
  ports: ReadPorts,
  opened: OpenedView,
  rows: readonly TimelineRow[],
  payloads: PayloadTexts,
): TimelineStep[] {
  const sources = sourcesOf(ports, opened, payloads);
  return rows.map((row) => rowMessage(opened.run, sources, row));
}

export async function listItems(
  ports: ReadPorts,
  request: ListItemsRequest,
  context: CallContext,
): Promise<Outcome<ListItemsResponse>> {
  const { runId, step: name, statuses, brief, pageSize } = request;
  const fault = numberFault("page_size", pageSize, 0, PAGE_SIZE_MAX) ?? statusFault(statuses);
  if (fault !== undefined) return fault;
  const filters = [context.tenant, runId, name, ...statuses].join("\n");
  const last = lastOfPage(request.pageToken, filters);
  const after = last instanceof Refused ? last : placeOf(last);
  if (after instanceof Refused) return after;
  const opened = await openRun(ports, runId, context);
  if (opened instanceof Refused) return opened;
  const only = stepNamed(opened, name);
  if (only instanceof Refused) return only;
  if (only !== null && opened.definition.steps[only]?.forEach === null)
    return invalid("step", `step is ${shown(name)}, which has no forEach.`, "Send a forEach step, or none for all.");
  const page = new ItemPage(sourcesOf(ports, opened, new PayloadTexts(brief ? 0 : undefined)), brief);
  const wanted = new Set(statuses);
  for (const row of itemRows(opened.run, only, after)) {
    if (wanted.size > 0 && !wanted.has(statusOf(opened, row, page.sources))) continue;
    if (page.items.length === (pageSize || PAGE_SIZE_DEFAULT) || !(await page.add(ports, opened, row))) {
      return { items: page.items, nextPageToken: pageToken(page.last, filters) };
    }
  }
  return { items: page.items, nextPageToken: "" };
}

/** Items for which there is room in one answer. */
class ItemPage {
  readonly sources: TimelineSources;
  readonly items: TimelineStep[] = [];
  /** Where the page ends. */
  last = "";
  readonly #brief: boolean;

  constructor(sources: TimelineSources, brief: boolean) {
    this.sources = sources;
    this.#brief = brief;
  }

  /** false = it has to wait for the next page. The first item is taken as far as it fits. */
  async add({ blobs }: ReadPorts, { run, definition }: OpenedView, row: TimelineRow): Promise<boolean> {
    if (!this.#brief) await this.sources.payloads.load(blobs, run.runId, rowPayloads(run, definition, row));
    const item = rowMessage(run, this.sources, row);
    if (this.items.length > 0 && !this.#isWhole(item)) return false;
    this.items.push(item);
    this.last = `${row.step}.${row.item}`;
    return true;
  }

  #isWhole({ omitted, failedAttempts }: TimelineStep): boolean {
    if (omitted !== undefined && leavesTextsOut(omitted)) return false;
    if (this.#brief) return true;
    return [omitted, ...failedAttempts.map((attempt) => attempt.omitted)].every(
      (left) => left === undefined || !leavesPayloadsOut(left),
    );
  }
}

function sourcesOf({ hub, clock }: ReadPorts, { definition }: OpenedView, payloads: PayloadTexts): TimelineSources {
  return { definition, nowMs: clock.nowMs(), live: hub.live.bind(hub), payloads, failures: new FailureTexts() };
}

/** The rows that a timeline is asked for. */
function rowsAsked(opened: OpenedView, { step: name, item }: GetTimelineRequest): TimelineRow[] | Refused {
  const step = stepNamed(opened, name);
  if (step instanceof Refused) return step;
  if (item === 0) return timelineRows(opened.run, step);
  if (step === null)
    return invalid("item", `item is ${item}, and step is empty.`, "Send the step that it is an item of.");
  const count = itemsOf(opened.run, step)?.tasks.length ?? 0;
  if (item <= count) return [{ step, item: item - 1, itemsLeftOut: 0 }];
  const fix = count === 0 ? "Send no item: the step has none, or none yet." : `Send 1 to ${count}.`;
  return invalid("item", `item is ${item}, counted from 1; step ${name} has ${count} items.`, fix);
}

/** The ordinal of a step; null = none is named. */
function stepNamed({ definition }: OpenedView, name: string): number | null | Refused {
  if (name === "") return null;
  const step = definition.steps.findIndex((each) => each.name === name);
  if (step >= 0) return step;
  const names = definition.steps.map((each) => each.name);
  const more = names.length > NAMES_SHOWN_MAX ? ", …" : "";
  return invalid(
    "step",
    `step is ${shown(name)}, which the run's workflow does not have.`,
    `Send one of ${names.slice(0, NAMES_SHOWN_MAX).join(", ")}${more}.`,
  );
}

function statusFault(statuses: readonly StepStatus[]): Refused | undefined {
  const wrong = statuses.find((status) => status < StepStatus.PENDING || status > StepStatus.ABANDONED);
  if (wrong === undefined) return undefined;
  return invalid(
    "statuses",
    `statuses holds ${wrong}, which is no state of an item.`,
    "Use StepStatus; send none for all.",
  );
}

function statusOf({ run }: OpenedView, { step, item }: TimelineRow, { live, nowMs }: TimelineSources): StepStatus {
  const task = itemsOf(run, step)?.tasks[item] ?? null;
  return standingOf(task, { runId: run.runId, epoch: run.epoch, step, item }, live, nowMs).status;
}

/** The item that the page before ended with; null = the first page. */
function placeOf(last: string | null): { readonly step: number; readonly item: number } | null | Refused {
  if (last === null) return null;
  const [, step, item] = /^(\d{1,3})\.(\d{1,5})$/.exec(last) ?? [];
  if (step !== undefined && item !== undefined) return { step: Number(step), item: Number(item) };
  return invalid("page_token", "page_token is no token of ListItems.", "Begin anew without a token.");
}
