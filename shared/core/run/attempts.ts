// How an attempt begins: as a task for a worker, or as a run of its own.
import type { Failure } from "@millrace/model/failure.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { StepInput } from "@millrace/model/payload.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import type { PlanStep } from "../plan/plan.ts";
import { mintRunId, slotOfKey } from "../run-id.ts";
import { stepIsReadable } from "./blobs.ts";
import { type Decision, emit, faultStep } from "./decision.ts";
import { RunScope } from "./scope.ts";
import { itemsOf } from "./task-state.ts";

/** How deep children go: what calls itself without end is told so, long before it fills a cluster. */
export const CHILD_DEPTH_MAX = 32;

/** What an order takes in a record beside its input: the event and the message, with the longest names. */
const ORDER_BYTES = 512;
/** Make two random numbers of a seed and a place (MurmurHash3's first constant, the golden ratio); odd, so that none is lost. */
const MIX_A = 0xcc9e2d51;
const MIX_B = 0x9e3779b9;

/** More items than any `forEach` has: makes (step, item) one number. */
const ITEMS_STRIDE = 16_384;

/** One attempt that is to begin. */
export interface NewAttempt {
  readonly item: number;
  readonly attempt: number;
  /** null = the recorded one. */
  readonly input: StepInput | null;
}

/** Begins an attempt. A child that cannot be ordered now is ordered later; one that never can be fails its step. */
export function beginAttempt(decision: Decision, run: RunState, step: PlanStep, begun: NewAttempt): void {
  if (step.child !== null) return orderChild(decision, run, step, begun);
  const { item, attempt, input } = begun;
  emit(decision, { type: "step-scheduled", runId: run.runId, step: step.index, item, attempt, input });
}

/** Asks to be told when there is room for messages again. */
export function awaitRoom(decision: Decision, run: RunState): void {
  if (decision.roomAwaited) return;
  decision.roomAwaited = true;
  decision.reactions.push({ type: "await-room", runId: run.runId });
}

function orderChild(decision: Decision, run: RunState, step: PlanStep, begun: NewAttempt): void {
  const { child: plan } = step;
  if (plan === null) throw new Error(`Step ${step.name} starts no child.`);
  if (!decision.canOrder) return awaitRoom(decision, run);
  const { item, attempt, input } = begun;
  const place = { step: step.index, item };
  if ((run.parent?.depth ?? 0) >= CHILD_DEPTH_MAX) return faultStep(decision, run, place, tooDeep(step));
  if (!stepIsReadable(decision, run, step, plan.workflow.reads)) return;
  const text = item < 0 ? null : (itemsOf(run, step.index)?.items[item] ?? null);
  const workflow = plan.workflow.evaluate(new RunScope(run, decision.blobText, text, item));
  if (workflow.type === "failed") return faultStep(decision, run, place, workflow.failure);
  decision.bytesLeft -= ORDER_BYTES;
  emit(decision, {
    type: "child-ordered",
    runId: run.runId,
    step: step.index,
    item,
    attempt,
    input,
    child: mintChildId(decision, run, step, begun),
    workflow: workflow.value,
    version: plan.version,
  });
}

/**
 * An ID in a slot of the attempt's own, so that a run's children spread over the shards. Children that one command orders
 * may share a slot: what is random of their IDs differs by their place.
 */
function mintChildId(decision: Decision, run: RunState, step: PlanStep, { item, attempt }: NewAttempt): RunId {
  const { nowMs, seed } = decision.at;
  const at = slotOfKey(run.tenant, `${run.runId}/${run.epoch}/${step.index}/${item}/${attempt}`);
  const place = step.index * ITEMS_STRIDE + item + 1;
  const low = Math.imul(seed ^ Math.imul(place, MIX_B), MIX_A);
  return mintRunId(nowMs, at, low, Math.imul((seed >>> 16) ^ place, MIX_B));
}

function tooDeep(step: PlanStep): Failure {
  return {
    code: "CHILD_RUN_REFUSED",
    class: "permanent",
    message: `Step ${step.name} would start a child ${CHILD_DEPTH_MAX + 1} runs deep; ${CHILD_DEPTH_MAX} are allowed.`,
    guidance: "Let a workflow that calls itself stop earlier, with an `if` on its input.",
    retryAfterMs: 0,
  };
}
