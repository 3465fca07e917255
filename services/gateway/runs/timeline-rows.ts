// Which steps and items of a run an answer shows.
import type { RunState, StepItems, TaskState } from "@millrace/model/run-state.ts";
import { ITEMS_IN_ANSWER_MAX } from "./answer-room.ts";

/** A step, or one item of it. */
export interface TimelineRow {
  /** Ordinal of the step. */
  readonly step: number;
  /** Ordinal of the forEach item; -1 = the step itself. */
  readonly item: number;
  /** How many items of the step the answer has no row for. */
  readonly itemsLeftOut: number;
}

/**
 * Steps in topological order, each forEach step followed by its items; `only` this step, if it is given. Where there are
 * too many items, the ones worth a look come first: those that failed or retry, then those under way.
 */
export function timelineRows(run: RunState, only: number | null): TimelineRow[] {
  const steps = only === null ? [...run.steps.keys()] : [only];
  const shown = shownItems(run, steps);
  return steps.flatMap((step) => {
    const total = itemsOf(run, step)?.tasks.length ?? 0;
    const items = shown.get(step) ?? [];
    return [
      { step, item: -1, itemsLeftOut: total - items.length },
      ...items.map((item) => ({ step, item, itemsLeftOut: 0 })),
    ];
  });
}

/** Every item from behind `after` on, or of `only` one step. */
export function* itemRows(
  run: RunState,
  only: number | null,
  after: { readonly step: number; readonly item: number } | null,
): Generator<TimelineRow> {
  for (let step = only ?? after?.step ?? 0; step <= (only ?? run.steps.length - 1); step++) {
    const count = itemsOf(run, step)?.tasks.length ?? 0;
    const first = after !== null && after.step === step ? after.item + 1 : 0;
    for (let item = first; item < count; item++) yield { step, item, itemsLeftOut: 0 };
  }
}

/** The items of a step that is fanned out. */
export function itemsOf(run: RunState, step: number): StepItems | undefined {
  const state = run.steps[step];
  return state !== undefined && "tasks" in state ? state : undefined;
}

const RANKS = 3;

/** Ordinals of the items shown, by step. */
function shownItems(run: RunState, steps: readonly number[]): Map<number, readonly number[]> {
  const ranked: { readonly step: number; readonly item: number }[][] = Array.from({ length: RANKS }, () => []);
  for (const step of steps)
    for (const [item, task] of (itemsOf(run, step)?.tasks ?? []).entries()) ranked[rankOf(task)]?.push({ step, item });
  const chosen = ranked.flat().slice(0, ITEMS_IN_ANSWER_MAX);
  const byStep = Map.groupBy(chosen, ({ step }) => step);
  return new Map(
    Array.from(byStep, ([step, items]) => [step, items.map(({ item }) => item).toSorted((a, b) => a - b)] as const),
  );
}

function rankOf(task: TaskState | null): number {
  switch (task?.status) {
    case "failed":
    case "backoff":
      return 0;
    case "scheduled":
    case "abandoned":
      return 1;
    default:
      return 2;
  }
}
