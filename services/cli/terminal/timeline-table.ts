// A run and its steps for people: a head line, a row with a bar for every step, and what went wrong.
import { stripVTControlCharacters } from "node:util";
import type { RunStatus } from "@millrace/model/run-state.ts";
import type { Failure, Run } from "@millrace/sdk/client/run.ts";
import type { StepStatus, Timeline, TimelineStep } from "@millrace/sdk/client/timeline.ts";
import { itemsBar, type Span, stepBar } from "./bars.ts";
import { shownDuration, shownTime } from "./durations.ts";
import { leftOutLines } from "./left-out.ts";
import type { Colours } from "./output.ts";
import { textTable } from "./table.ts";

export interface TimelineStyle {
  /** Characters a line has room for. */
  readonly columns: number;
  readonly colours: Colours;
  readonly nowMs: number;
  /** A row for every item of a `forEach`, instead of one for all. */
  readonly unfolded?: boolean;
}

/** Bars narrower than this say nothing, wider ones nothing more. */
const BAR_WIDTH_MIN = 12;
const BAR_WIDTH_MAX = 80;
const COLUMN_GAP = 2;

/** What went wrong is told of this many attempts; --json has all that are kept. */
const FAILURES_SHOWN_MAX = 8;
const MESSAGE_CHARACTERS_MAX = 160;

/** The whole as lines. */
export function timelineText(timeline: Timeline, style: TimelineStyle): string {
  const { run } = timeline;
  const rows = style.unfolded === true ? timeline.steps.map((step) => ({ step, items: [] })) : folded(timeline.steps);
  const cells = rows.map(({ step }) => rowCells(step, style));
  const head = ["STEP", "STATUS", "TRIES", "QUEUED", "TOOK"];
  const room = style.columns - widthOf(textTable(head, cells)) - COLUMN_GAP;
  const width = Math.max(BAR_WIDTH_MIN, Math.min(BAR_WIDTH_MAX, room));
  const span = spanOf(run, style.nowMs, width);
  // A part of the items would show less going on than there was.
  const bars = rows.map(({ step, items }) =>
    items.length > 0 && items.length === step.itemsTotal
      ? itemsBar(items, span, style.colours)
      : stepBar(step, span, style.colours),
  );
  const dim = style.colours.dim;
  const table = textTable(
    [...head.map((title) => dim(title)), dim(scale(span))],
    cells.map((row, index) => [...row, bars[index] ?? ""]),
  );
  return [runLine(run, style), table, ...failureLines(timeline.steps, style), ...leftOutLines(timeline).map(dim)].join(
    "\n",
  );
}

/** One line on a run. */
export function runLine(run: Run, { colours, nowMs }: TimelineStyle): string {
  const tookMs = (run.endTime?.getTime() ?? nowMs) - run.startTime.getTime();
  const epoch = run.epoch > 1 ? `, epoch ${run.epoch}` : "";
  const parts = [
    `Run ${colours.bold(run.runId)} of ${run.workflow} v${run.version}${epoch}:`,
    `${runStatus(run.status, colours)} ${run.endTime === undefined ? "for" : "in"} ${shownDuration(Math.max(0, tookMs))},`,
    `started ${shownTime(run.startTime)}`,
  ];
  const why = run.reason === "" ? "" : ` (${run.reason})`;
  return parts.join(" ") + why;
}

export function runStatus(status: RunStatus, colours: Colours): string {
  if (status === "completed") return colours.green(status);
  if (status === "running") return colours.cyan(status);
  return status === "paused" || status === "cancelling" ? colours.yellow(status) : colours.red(status);
}

/** A step and the items that are shown in its row. */
interface Row {
  readonly step: TimelineStep;
  readonly items: readonly TimelineStep[];
}

function folded(steps: readonly TimelineStep[]): Row[] {
  const items = Map.groupBy(
    steps.filter(({ item }) => item >= 0),
    ({ step }) => step,
  );
  return steps.filter(({ item }) => item < 0).map((step) => ({ step, items: items.get(step.step) ?? [] }));
}

/** Name, status, tries, and times waited and taken. */
export function rowCells(step: TimelineStep, { colours, nowMs }: TimelineStyle): string[] {
  const tries = step.attempts;
  const sinceMs = step.scheduleTime?.getTime();
  const tookMs = sinceMs === undefined ? undefined : Math.max(0, (step.endTime?.getTime() ?? nowMs) - sinceMs);
  return [
    step.item >= 0 ? `  ${rowName(step)}` : step.step,
    statusCell(step, colours),
    tries === 0 ? "" : String(tries),
    tries === 0 ? "" : shownDuration(step.queueMs),
    tookMs === undefined ? "" : shownDuration(tookMs),
  ];
}

export function rowName({ step, item }: TimelineStep): string {
  return item >= 0 ? `${step}[${item}]` : step;
}

function statusCell(step: TimelineStep, colours: Colours): string {
  const text = stepStatus(step.status, colours);
  if (step.itemsTotal === 0) return text;
  const failed = step.itemsFailed === 0 ? "" : `, ${colours.red(`${step.itemsFailed} failed`)}`;
  const retrying = step.itemsRetrying === 0 ? "" : `, ${colours.yellow(`${step.itemsRetrying} retrying`)}`;
  return `${text} ${step.itemsCompleted}/${step.itemsTotal}${failed}${retrying}`;
}

export function stepStatus(status: StepStatus, colours: Colours): string {
  switch (status) {
    case "completed":
      return colours.green(status);
    case "failed":
    case "abandoned":
      return colours.red(status);
    case "retrying":
      return colours.yellow(status);
    case "pending":
    case "skipped":
    case "unknown":
      return colours.dim(status);
    default:
      return colours.cyan(status);
  }
}

function spanOf(run: Run, nowMs: number, width: number): Span {
  const fromMs = run.startTime.getTime();
  return { fromMs, untilMs: Math.max(run.endTime?.getTime() ?? nowMs, fromMs + 1), width };
}

/** `0 ────── 2.3 s`, as wide as the bars. */
function scale({ fromMs, untilMs, width }: Span): string {
  const end = shownDuration(untilMs - fromMs);
  return `0 ${"─".repeat(Math.max(1, width - end.length - 3))} ${end}`;
}

function widthOf(table: string): number {
  return Math.max(...table.split("\n").map((line) => stripVTControlCharacters(line).length));
}

function failureLines(steps: readonly TimelineStep[], { colours }: TimelineStyle): string[] {
  const told = steps.flatMap((step) => {
    const name = rowName(step);
    const attempts = step.failedAttempts.map(({ attempt, failure }) => ({ name, attempt, failure }));
    const last = step.failure !== undefined && attempts.at(-1)?.attempt !== step.attempts;
    return last && step.itemsTotal === 0
      ? [...attempts, { name, attempt: step.attempts, failure: step.failure }]
      : attempts;
  });
  const lines = told.slice(0, FAILURES_SHOWN_MAX).map(({ name, attempt, failure }) => {
    return `${colours.dim(`${name}, try ${attempt}:`)} ${failureText(failure, colours)}`;
  });
  if (told.length > lines.length)
    lines.push(colours.dim(`… and ${told.length - lines.length} more; --json shows them.`));
  const failed = steps.find(({ status, failure }) => status === "failed" && (failure?.guidance ?? "") !== "");
  if (failed?.failure !== undefined) lines.push(`${colours.bold("next:")} ${failed.failure.guidance}`);
  return lines;
}

/** A failure on one line. */
export function failureText(failure: Failure | undefined, colours: Colours): string {
  if (failure === undefined) return "";
  const message = failure.message.replaceAll(/\s+/g, " ").slice(0, MESSAGE_CHARACTERS_MAX);
  return `${colours.yellow(failure.code)} ${message}`;
}
