// The children of a run that are under way: a list in the order of (step, item), so that equal states are equal bytes.
import type { RunId } from "@millrace/model/ids.ts";
import type { OpenChild, RunState } from "@millrace/model/run-state.ts";

/** How many children of one run are under way at once: more would make its cancellation a burst of its own. */
export const CHILDREN_OPEN_MAX = 256;

/** Whether another child may begin. */
export function hasChildRoom({ children }: RunState): boolean {
  return children === null || children.length < CHILDREN_OPEN_MAX;
}

/** The child under way of a step (`item` -1) or item; null = none. */
export function childOf({ children }: RunState, step: number, item: number): RunId | null {
  if (children === null) return null;
  const found = children[placeOf(children, step, item)];
  return found?.step === step && found.item === item ? found.child : null;
}

/** Takes in a child; one that the same step or item had before is forgotten. */
export function addChild(run: RunState, { step, item, child }: OpenChild): void {
  run.children ??= [];
  const at = placeOf(run.children, step, item);
  const found = run.children[at];
  run.children.splice(at, found?.step === step && found.item === item ? 1 : 0, { step, item, child });
}

/** Forgets the child of a step or item, if it has one. */
export function removeChild(run: RunState, step: number, item: number): void {
  if (run.children === null || childOf(run, step, item) === null) return;
  run.children.splice(placeOf(run.children, step, item), 1);
  if (run.children.length === 0) run.children = null;
}

/** The index of the first entry that is not before (step, item). */
function placeOf(children: readonly OpenChild[], step: number, item: number): number {
  let low = 0;
  let high = children.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = children[middle];
    if (other === undefined) break;
    if (other.step < step || (other.step === step && other.item < item)) low = middle + 1;
    else high = middle;
  }
  return low;
}
