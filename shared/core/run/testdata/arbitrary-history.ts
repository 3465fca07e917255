// Random histories: commands chosen by what the run allows at that moment, and some that it does not.
import type { Failure, FailureClass } from "@millrace/model/failure.ts";
import { type RunId, runId, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import type { ParentRef } from "@millrace/model/messages.ts";
import { type BlobRef, type Json, json, type Payload } from "@millrace/model/payload.ts";
import type { RunCommand, StartRun } from "@millrace/model/run-commands.ts";
import type { RunState, TaskState } from "@millrace/model/run-state.ts";
import type { TaskOutcome } from "@millrace/model/task.ts";
import fc from "fast-check";
import type { Plan } from "../../plan/plan.ts";
import { decide } from "../decide.ts";
import type { Decided, Decision } from "../decision.ts";
import { nextDueMs } from "../due.ts";
import { childOf } from "../open-children.ts";
import { RUN_INPUT_TEXT, SIGNAL_NAMES } from "./arbitrary-definition.ts";
import { makeDecision } from "./make-plan.ts";

/** One thing to happen, as numbers to be interpreted. */
export interface Happening {
  readonly what: number;
  readonly which: number;
  readonly how: number;
  /** Events the command may make; 0 = as many as it likes. */
  readonly budget: number;
  /** Whether there is room for messages to children. */
  readonly room: boolean;
}

export const arbitraryHistory: fc.Arbitrary<readonly Happening[]> = fc.array(
  fc.record({
    what: fc.nat(19),
    which: fc.nat(99),
    how: fc.nat(99),
    budget: fc.constantFrom(0, 0, 0, 1, 2, 4),
    room: fc.constantFrom(true, true, true, false),
  }),
  { maxLength: 60 },
);

type Chosen = Pick<Happening, "what" | "which" | "how">;

interface Attempt {
  readonly step: number;
  readonly item: number;
  readonly attempt: number;
}

/** A command that was decided. */
export interface Moved {
  readonly command: RunCommand;
  readonly decided: Decided;
  readonly decision: Decision;
  readonly nowMs: number;
}

export const START_MS = 1_000_000;
const RUN = runId("0000000z000000000000");
const TENANT = tenantId("t");
const TO = { tenant: TENANT, runId: RUN };

/** Starts a run, as a child or not, and lets a history happen to it. `see` hears of every command after it was decided. */
export function play(
  plan: Plan,
  history: readonly Happening[],
  see: (moved: Moved) => void,
  parent: ParentRef | null = null,
): RunState | undefined {
  let run: RunState | undefined;
  let nowMs = START_MS;
  const texts = new TextsAtHand();
  const move = (command: RunCommand, seed: number, { budget, room }: Pick<Happening, "budget" | "room">): void => {
    const decision: Decision = { ...makeDecision(plan, run, { nowMs, seed }, texts.text), canOrder: room };
    if (budget > 0) decision.eventsLeft = budget;
    const decided = decide(decision, command);
    run = decision.run;
    for (const reaction of decision.reactions) if (reaction.type === "load") texts.wanted ??= reaction.blobs;
    see({ command, decided, decision, nowMs });
  };
  const first = history[0] ?? { how: 1, budget: 0, room: true };
  move({ ...START, input: payloadOf(RUN_INPUT_TEXT, first.how), parent }, 0, first);
  for (const happening of history) {
    if (run === undefined) break;
    nowMs += passed(run, plan, nowMs, happening);
    const command = texts.advance(happening) ?? commandOf(run, happening);
    move(command, Math.imul(happening.how + 1, 0x9e3779b9) >>> 0, happening);
  }
  return run;
}

/** The texts of blobs as a shard has them: those that were wanted last, some of the others, and never those it lost. */
class TextsAtHand {
  wanted: readonly BlobRef[] | null = null;
  #atHand = new Set<string>();

  readonly text = ({ sha256 }: BlobRef): Json | undefined => (this.#atHand.has(sha256) ? json(sha256) : undefined);

  /** Mostly, what a run wanted comes before anything else happens. Now and then a blob of it is lost. */
  advance({ which, how }: Happening): RunCommand | undefined {
    if (which % 3 === 0) this.#atHand.clear();
    if (this.wanted === null || which % 4 === 0) return undefined;
    const lost = this.wanted.filter(() => how % 13 === 0);
    for (const { sha256 } of lost.length > 0 ? [] : this.wanted) this.#atHand.add(sha256);
    this.wanted = null;
    return { type: "advance", ...TO, lost };
  }
}

/** A text as it is, or as a blob whose name is its text. */
function payloadOf(text: string, how: number): Payload {
  return how % 3 === 0 ? { sha256: text, bytes: 70_000 } : json(text);
}

const START: StartRun = {
  ...{ type: "start", ...TO, workflow: workflowName("w"), version: 1, input: json(RUN_INPUT_TEXT) },
  ...{ idempotencyKey: "", inputHash: "", traceparent: "", parent: null },
};

/** How much time passes before: none, a little, or up to the next thing due. */
function passed(run: RunState, plan: Plan, nowMs: number, { what, how }: Happening): number {
  const dueMs = nextDueMs(run, plan);
  if (what >= 16 && dueMs > 0) return Math.max(0, dueMs - nowMs);
  return what % 2 === 0 ? 0 : how * 100;
}

function commandOf(run: RunState, happening: Happening): RunCommand {
  const { what, which, how } = happening;
  if (what < 9) return result(run, happening);
  switch (what) {
    case 9:
      return result(run, { ...happening, what: -1 });
    case 10:
      return {
        ...{ type: "signal", ...TO, signalId: which % 3 === 0 ? `id${how % 4}` : "" },
        ...{ name: SIGNAL_NAMES[how % 2] ?? "", payload: json(String(how)) },
      };
    case 11:
      return run.status === "paused" ? { type: "resume", ...TO } : { type: "pause", ...TO, reason: "wait" };
    case 12:
      return { type: "resume", ...TO };
    case 13:
      return which < 30 ? { type: "cancel", ...TO, reason: "stop" } : { type: "advance", ...TO, lost: [] };
    case 14:
      return which < 15 ? { type: "terminate", ...TO, reason: "now" } : { type: "advance", ...TO, lost: [] };
    case 15:
      return { type: "retry", ...TO, requestId: which % 2 === 0 ? "" : `r${how % 3}` };
    default:
      return { type: "timer-due", ...TO };
  }
}

/** The outcome of an attempt that a worker or a child may have; with `what` -1 of one that nobody owes. */
function result(run: RunState, { what, which, how }: Chosen): RunCommand {
  const open = openTasks(run);
  const picked = open[which % Math.max(1, open.length)];
  const known = picked ?? { step: which % 7, item: (how % 4) - 1, attempt: 1 };
  const child = childOf(run, known.step, known.item);
  if (child !== null) return childEnded(run, { what, which, how }, { ...known, child });
  const stray = what === -1 ? { epoch: run.epoch - (how % 2), attempt: known.attempt + 1 - (which % 3) } : {};
  const token = { runId: RUN, epoch: run.epoch, ...known, ...stray };
  const worker = workerName("w@1");
  const logs = how % 5 === 0 ? json('["line"]') : null;
  return { type: "result", ...TO, result: { ...token, outcome: outcomeOf(what, how), worker, startedMs: START_MS, logs } };
}

/** What a child tells, or with `what` -1 what another one of the same step does. */
function childEnded(run: RunState, { what, which, how }: Chosen, of: Attempt & { readonly child: RunId }): RunCommand {
  const statuses = ["completed", "started", "failed", "timed-out", "cancelled", "terminated", "refused"] as const;
  const status = what < 6 ? "completed" : (statuses[how % 7] ?? "failed");
  const stray = what === -1 ? { epoch: run.epoch - (how % 2), child: runId(`0000000z00000000000${which % 10}`) } : {};
  const { step, item, attempt, child } = of;
  return {
    ...{ type: "child-ended", ...TO, child, epoch: run.epoch, step, item, attempt, status, startedMs: START_MS },
    ...{ output: status === "completed" ? json("1") : null, failure: how % 2 === 0 ? failureOf(how) : null },
    ...stray,
  };
}

function outcomeOf(what: number, how: number): TaskOutcome {
  if (what < 6) return { type: "completed", output: payloadOf(JSON.stringify({ how }), how) };
  if (what === 6) return { type: "cancelled" };
  return { type: "failed", failure: failureOf(how) };
}

function failureOf(how: number): Failure {
  const classes: readonly FailureClass[] = ["transient", "transient", "transient", "permanent", "uncertain"];
  const failureClass = classes[how % 5] ?? "transient";
  const code = how % 2 === 0 ? "WORKER_LOST" : "BUSY";
  return { code, class: failureClass, message: `no ${how % 3}`, guidance: "", retryAfterMs: how % 7 === 0 ? 3000 : 0 };
}

/** Attempts that are owed to or held by workers, and children under way. */
export function openTasks(run: RunState): Attempt[] {
  return tasksOf(run)
    .filter(({ task }) => task.status === "scheduled")
    .map(({ step, item, task }) => ({ step, item, attempt: task.attempt }));
}

/** Every task of a run, items included. */
export function tasksOf(run: RunState): { readonly step: number; readonly item: number; readonly task: TaskState }[] {
  return run.steps.flatMap((state, step) => {
    if ("keyEpoch" in state) return [{ step, item: -1, task: state }];
    if (!("tasks" in state)) return [];
    return state.tasks.flatMap((task, item) => (task === null ? [] : [{ step, item, task }]));
  });
}
