// A step's time as a bar: one character a slice of the run's time.
import type { TimelineStep } from "@millrace/sdk/client/timeline.ts";
import type { Colours } from "./output.ts";

/** The time all bars of a table share. */
export interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
  /** Characters. */
  readonly width: number;
}

type Cell = "empty" | "waits" | "failed" | "works";

const GLYPHS = { empty: " ", waits: "·", failed: "▒", works: "█" } as const;

/** How many items of a `forEach` are under way, from one to all that ever were at once. */
const LEVELS = "▁▂▃▄▅▆▇█";

/** Waiting, failed attempts and work of one step; what is not over reaches to the end of the span. */
export function stepBar(step: TimelineStep, span: Span, colours: Colours): string {
  const cells = new Array<Cell>(span.width).fill("empty");
  const nowMs = span.untilMs;
  const sinceMs = step.scheduleTime?.getTime();
  if (sinceMs === undefined) return "";
  const endMs = step.endTime?.getTime() ?? nowMs;
  const works = step.startTime?.getTime() ?? (step.attempts === 0 && step.status === "completed" ? sinceMs : undefined);
  paint(cells, span, { fromMs: sinceMs, untilMs: endMs, cell: "waits" });
  if (works !== undefined && step.status !== "retrying") {
    paint(cells, span, { fromMs: works, untilMs: endMs, cell: step.status === "failed" ? "failed" : "works" });
  }
  for (const attempt of step.failedAttempts) {
    const fromMs = (attempt.startTime ?? attempt.scheduleTime)?.getTime();
    if (fromMs !== undefined)
      paint(cells, span, { fromMs, untilMs: attempt.endTime?.getTime() ?? nowMs, cell: "failed" });
  }
  return coloured(cells, colours);
}

/** How many items were under way in each slice of time, as a height. */
export function itemsBar(items: readonly TimelineStep[], span: Span, colours: Colours): string {
  const counts = new Array<number>(span.width).fill(0);
  for (const { startTime, endTime } of items) {
    if (startTime === undefined) continue;
    const [first, last] = cellsOf(span, startTime.getTime(), endTime?.getTime() ?? span.untilMs);
    for (let cell = first; cell <= last; cell++) counts[cell] = (counts[cell] ?? 0) + 1;
  }
  const most = Math.max(1, ...counts);
  const glyphs = counts.map((count) => (count === 0 ? " " : LEVELS[Math.ceil((count / most) * LEVELS.length) - 1]));
  return colours.green(glyphs.join("").trimEnd());
}

interface Stretch {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly cell: Cell;
}

function paint(cells: Cell[], span: Span, { fromMs, untilMs, cell }: Stretch): void {
  const [first, last] = cellsOf(span, fromMs, untilMs);
  cells.fill(cell, first, last + 1);
}

/** The first and the last slice that a stretch of time touches; what has no length still gets one. */
function cellsOf({ fromMs, untilMs, width }: Span, startMs: number, endMs: number): [number, number] {
  const sliceMs = Math.max(untilMs - fromMs, 1) / width;
  const first = Math.min(width - 1, Math.max(0, Math.floor((startMs - fromMs) / sliceMs)));
  const last = Math.min(width - 1, Math.max(first, Math.ceil((endMs - fromMs) / sliceMs) - 1));
  return [first, last];
}

function coloured(cells: readonly Cell[], colours: Colours): string {
  const paints = { empty: String, waits: colours.dim, failed: colours.red, works: colours.green };
  let bar = "";
  for (let from = 0; from < cells.length; ) {
    const cell = cells[from] ?? "empty";
    let until = from;
    while (cells[until] === cell) until++;
    bar += paints[cell](GLYPHS[cell].repeat(until - from));
    from = until;
  }
  return bar.trimEnd();
}
