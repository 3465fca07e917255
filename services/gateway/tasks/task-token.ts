// The name of an attempt, as workers write it and as a key. Workers are not trusted with it: a number beyond its bound
// would make the key of another attempt.
import { isRunId } from "@millrace/core/run-id.ts";
import { runId } from "@millrace/model/ids.ts";
import type { TaskToken } from "@millrace/model/task.ts";
import type { TaskRef } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import type { Refused } from "../calls/call.ts";
import { numberFault } from "../calls/fields.ts";

/** More than any item, step and attempt of a definition: with them (epoch, attempt, step, item) is one exact number. */
const ITEMS = 2 ** 14;
const STEPS = 2 ** 9;
const ATTEMPTS = 2 ** 7;
/** What they leave of the 53 bits that a number keeps exactly. */
const EPOCHS = 2 ** 23;

/** A token as a key among those of its run. */
export function keyInRun({ epoch, attempt, step, item }: TaskToken): number {
  return ((epoch * ATTEMPTS + attempt) * STEPS + step) * ITEMS + item + 1;
}

/** A token as a key among those of all runs. */
export function tokenName(token: TaskToken): string {
  return `${token.runId}/${keyInRun(token)}`;
}

/** Refuses the first reference whose numbers no attempt has; undefined = there is none. `place` says where one stands. */
export function tokensFault(
  refs: readonly (TaskRef | undefined)[],
  place: (index: number) => string,
): Refused | undefined {
  const index = refs.findIndex((ref) => ref !== undefined && !isPossible(ref));
  const ref = refs[index];
  if (ref === undefined) return undefined;
  const at = place(index);
  return (
    numberFault(`${at}.epoch`, ref.epoch, 1, EPOCHS - 1) ??
    numberFault(`${at}.step`, ref.step, 0, STEPS - 1) ??
    numberFault(`${at}.item`, ref.item, 0, ITEMS - 1) ??
    numberFault(`${at}.attempt`, ref.attempt, 1, ATTEMPTS - 1)
  );
}

/** Items count from 1 on the wire; 0 is none. */
function isPossible({ epoch, step, item, attempt }: TaskRef): boolean {
  return epoch > 0 && epoch < EPOCHS && step < STEPS && item < ITEMS && attempt > 0 && attempt < ATTEMPTS;
}

/** The token a possible reference stands for; undefined = no run has such an ID. */
export function readToken({ runId: id, epoch, step, item, attempt }: TaskRef): TaskToken | undefined {
  return isRunId(id) ? { runId: runId(id), epoch, step, item: item - 1, attempt } : undefined;
}
