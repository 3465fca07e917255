import { react } from "@millrace/core/run/react.ts";
import { resume } from "@millrace/core/run/resume.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { Reaction } from "@millrace/model/reaction.ts";
import type { RunEvent } from "@millrace/model/run-events.ts";
import type { Checker } from "./observation.ts";
import type { TrueRun, Truth } from "./truth.ts";

/** What a run has asked for since its first event and was not settled since. */
interface Asked {
  readonly tasks: Set<string>;
  readonly timers: Set<number>;
}

/** Reactions issued less those settled are what `resume` finds in the state alone (I5). */
export function owedIsWhatWasAsked(): Checker {
  const asked = new Map<RunId, Asked>();
  const touched = new Set<RunId>();
  return {
    invariant: "I5",
    see(seen, truth) {
      if (seen.type === "event" && "runId" in seen.event) {
        touched.add(seen.event.runId);
        note(seen.event, truth, asked);
      }
      if (seen.type !== "folded") return undefined;
      for (const runId of touched) {
        const problem = compared(truth.runs.get(runId), asked.get(runId));
        if (problem !== undefined) return `run ${runId} ${problem}`;
      }
      touched.clear();
      return undefined;
    },
  };
}

function note(event: RunEvent, truth: Truth, all: Map<RunId, Asked>): void {
  const run = truth.runs.get(event.runId);
  if (run === undefined) return;
  let asked = all.get(event.runId);
  if (asked === undefined) {
    asked = { tasks: new Set(), timers: new Set() };
    all.set(event.runId, asked);
  }
  if (event.type === "step-completed" || event.type === "attempt-failed" || event.type === "attempt-cancelled")
    asked.tasks.delete(`${event.step}/${event.item}/${event.attempt}`);
  if (event.type === "run-ended" || event.type === "step-faulted") asked.tasks.clear();
  const reactions: Reaction[] = [];
  react(run.state, run.plan, event, reactions);
  for (const reaction of reactions) {
    if (reaction.type === "dispatch") asked.tasks.add(taskName(reaction));
    else if (reaction.type === "timer") asked.timers.add(reaction.atMs);
    else if (reaction.type === "withdraw") asked.tasks.clear();
  }
}

function compared(run: TrueRun | undefined, asked: Asked | undefined): string | undefined {
  if (run === undefined || asked === undefined) return undefined;
  const reactions: Reaction[] = [];
  resume(run.state, run.plan, reactions);
  const owed = new Set<string>();
  for (const reaction of reactions) {
    if (reaction.type === "dispatch") owed.add(taskName(reaction));
    if (reaction.type === "timer" && !asked.timers.has(reaction.atMs))
      return `is owed a timer at ${reaction.atMs} that nothing asked for`;
  }
  if (owed.size === asked.tasks.size && [...owed].every((task) => asked.tasks.has(task))) return undefined;
  return `is owed tasks ${[...owed].join(" ")}; asked for and not settled are ${[...asked.tasks].join(" ")}`;
}

function taskName({ step, item, attempt }: { step: number; item: number; attempt: number }): string {
  return `${step}/${item}/${attempt}`;
}
