import type { Payload } from "@millrace/model/payload.ts";
import { json } from "@millrace/model/payload.ts";
import type { RunEvent } from "@millrace/model/run-events.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePlan } from "../plan/compile.ts";
import type { Plan } from "../plan/plan.ts";
import { timerDue } from "./commands/timer-due.ts";
import { nextDueMs } from "./due.ts";
import { evolve } from "./evolve.ts";
import { isSchedulable, isSettled } from "./readiness.ts";
import { resume } from "./resume.ts";
import { stateBytesOf } from "./state-size.ts";
import { arbitraryDefinition } from "./testdata/arbitrary-definition.ts";
import { arbitraryHistory, type Moved, openTasks, play, tasksOf } from "./testdata/arbitrary-history.ts";
import { makeDecision } from "./testdata/make-plan.ts";

/** Lets random things happen to random runs; `watch` gives the eyes that see one of them. */
function checkAlways(watch: (plan: Plan) => (moved: Moved) => void): void {
  fc.assert(
    fc.property(arbitraryDefinition, arbitraryHistory, (definition, history) => {
      const plan = compilePlan(definition);
      play(plan, history, watch(plan));
    }),
    { numRuns: 300 },
  );
}

/** The state after a command; every command here comes after the start. */
function runOf({ decision }: Moved): RunState {
  if (decision.run === undefined) throw new Error("The run was never started.");
  return decision.run;
}

function nameOf(of: { readonly step: number; readonly item: number }): string {
  return `${of.step}/${of.item}`;
}

function bytesOf(payload: Payload): number {
  return typeof payload === "string" ? Buffer.byteLength(payload) : payload.bytes;
}

describe("whatever happens to a run", () => {
  it("histories reach every event and every end, and lose blobs", () => {
    const seen = new Set<string>();
    const samples = fc.sample(fc.tuple(arbitraryDefinition, arbitraryHistory), { numRuns: 1000, seed: 1 });
    for (const [definition, history] of samples)
      play(compilePlan(definition), history, ({ decision }) => {
        for (const event of decision.events) {
          seen.add(event.type === "run-ended" ? `${event.type} ${event.status}` : event.type);
          if (event.type === "step-faulted" && event.failure.code === "BLOB_LOST") seen.add("blob lost");
        }
      });
    // 20 events that are no end, 5 ends, and a blob that was lost.
    expect(seen.size, [...seen].toSorted().join(", ")).toBe(26);
  });

  it("I5: what its state takes is what counting it anew gives", () => {
    checkAlways(() => (moved) => {
      const run = runOf(moved);
      expect(run.stateBytes).toBe(stateBytesOf(run));
    });
  });

  it("I8: a refused command leaves no trace", () => {
    checkAlways(() => (moved) => {
      if (!("code" in moved.decided)) return;
      expect([moved.decision.events, moved.decision.reactions]).toEqual([[], []]);
    });
  });

  it("I3: a repeated command changes nothing", () => {
    checkAlways(() => (moved) => {
      if ("code" in moved.decided || !moved.decided.repeated) return;
      expect([moved.decision.events, moved.decision.reactions]).toEqual([[], []]);
    });
  });

  it("I3: a result is recorded once, for ever", () => {
    checkAlways(() => {
      const recorded = new Set<string>();
      return ({ decision }) => {
        for (const event of decision.events) {
          if (event.type !== "step-completed") continue;
          expect(recorded.has(nameOf(event))).toBe(false);
          recorded.add(nameOf(event));
        }
      };
    });
  });

  it("I3: the idempotency key of a task stays the same within an epoch", () => {
    checkAlways(() => {
      const keys = new Map<string, number>();
      return (moved) => {
        const run = runOf(moved);
        for (const { step, item, task } of tasksOf(run)) {
          if (task.status !== "scheduled") continue;
          const place = `${run.epoch}:${nameOf({ step, item })}`;
          expect(keys.get(place) ?? task.keyEpoch).toBe(task.keyEpoch);
          keys.set(place, task.keyEpoch);
        }
      };
    });
  });

  it("I3: a task whose outcome nobody knows keeps its key in the next epoch, one that is known to have failed does not", () => {
    checkAlways(() => {
      let before = new Map<string, { readonly status: string; readonly keyEpoch: number; readonly known: boolean }>();
      return (moved) => {
        const run = runOf(moved);
        for (const event of moved.decision.events) {
          if (event.type !== "step-scheduled" || !moved.decision.events.some(({ type }) => type === "run-retried"))
            continue;
          const old = before.get(nameOf(event));
          const now = tasksOf(run).find(({ step, item }) => step === event.step && item === event.item)?.task;
          if (old === undefined || now === undefined) continue;
          expect(now.keyEpoch).toBe(old.known ? run.epoch : old.keyEpoch);
        }
        before = new Map(
          tasksOf(run).map(({ step, item, task }) => {
            const last =
              task.status === "failed" || task.status === "backoff" ? (task.log.recent.at(-1) ?? task.log.first) : null;
            const known = last !== null && last.failure.class !== "uncertain" && last.failure.code !== "WORKER_LOST";
            return [nameOf({ step, item }), { status: task.status, keyEpoch: task.keyEpoch, known }];
          }),
        );
      };
    });
  });

  it("I4: every epoch ends at most once, and nothing happens between its end and the next epoch", () => {
    checkAlways(() => {
      let ended = false;
      let epoch = 1;
      return ({ decision }) => {
        for (const event of decision.events) {
          if (event.type === "run-retried") {
            expect([ended, event.epoch]).toEqual([true, epoch + 1]);
            ended = false;
            epoch = event.epoch;
            continue;
          }
          expect(ended).toBe(false);
          if (event.type === "run-ended") ended = true;
        }
      };
    });
  });

  it("I4: an end is told exactly when it happens", () => {
    checkAlways(() => ({ decision }) => {
      const ends = decision.events.filter(({ type }) => type === "run-ended").length;
      expect(decision.reactions.filter(({ type }) => type === "ended").length).toBe(ends);
    });
  });

  it("I5: the state is the fold of the events from the first", () => {
    checkAlways(() => {
      let folded: RunState | undefined;
      return (moved) => {
        // Events as they come back from a journal: equal, not the same.
        const events: RunEvent[] = structuredClone(moved.decision.events);
        for (const event of events) folded = evolve(folded, event, moved.nowMs);
        expect(folded).toEqual(moved.decision.run);
      };
    });
  });

  it("I5: counters agree with what they count", () => {
    checkAlways(() => (moved) => {
      const run = runOf(moved);
      expect(run.openSteps).toBe(run.steps.filter((_, step) => !isSettled(run, step)).length);
      expect(run.openAttempts).toBe(openTasks(run).length);
      for (const state of run.steps) {
        if (!("tasks" in state)) continue;
        const statuses = state.tasks.map((task) => task?.status);
        expect(state.completed).toBe(statuses.filter((status) => status === "completed").length);
        const outputs = state.tasks.flatMap((task) => (task?.status === "completed" ? [task.output] : []));
        expect(state.outputBytes).toBe(outputs.reduce((sum, output) => sum + 1 + bytesOf(output), 0));
        expect(state.open).toBe(statuses.filter((status) => status === "scheduled" || status === "backoff").length);
        if (run.endedMs !== 0) continue;
        const skipped = statuses
          .slice(0, state.next)
          .filter((status) => status === undefined || status === "abandoned");
        expect(run.status === "cancelling" ? [] : skipped).toEqual([]);
      }
    });
  });

  it("I6: what was asked for and is not settled is what resuming asks for", () => {
    checkAlways((plan) => {
      const owed = new Set<string>();
      let advance = false;
      return (moved) => {
        const run = runOf(moved);
        if (moved.command.type === "advance") advance = false;
        for (const event of moved.decision.events)
          if (event.type === "step-completed" || event.type === "attempt-failed" || event.type === "attempt-cancelled")
            owed.delete(`${nameOf(event)}#${event.attempt}`);
        for (const reaction of moved.decision.reactions) {
          if (reaction.type === "dispatch") owed.add(`${nameOf(reaction)}#${reaction.attempt}`);
          if (reaction.type === "withdraw") owed.clear();
          // Whoever is told that there is room, or what blobs say, looks at everything.
          if (reaction.type === "advance" || reaction.type === "load" || reaction.type === "await-room") advance = true;
        }
        const resumed: string[] = [];
        let resumesAdvance = false;
        const reactions: Parameters<typeof resume>[2] = [];
        resume(run, plan, reactions);
        for (const reaction of reactions) {
          if (reaction.type === "dispatch") resumed.push(`${nameOf(reaction)}#${reaction.attempt}`);
          if (reaction.type === "advance") resumesAdvance = true;
        }
        expect(resumed.toSorted()).toEqual([...owed].toSorted());
        if (resumesAdvance) expect(advance).toBe(true);
      };
    });
  });

  it("I6: a timer was asked for at or before whatever is due next", () => {
    checkAlways((plan) => {
      let timers: number[] = [];
      let advances = false;
      return (moved) => {
        if (moved.command.type === "advance") advances = false;
        // Timers at or before now have gone off; whoever looked asked for the next.
        if (moved.command.type === "timer-due") timers = timers.filter((atMs) => atMs > moved.nowMs);
        for (const reaction of moved.decision.reactions) {
          if (reaction.type === "timer") timers.push(reaction.atMs);
          // What is due and waits for room or texts is looked at when these are there.
          if (reaction.type === "await-room" || reaction.type === "load") advances = true;
        }
        const dueMs = nextDueMs(runOf(moved), plan);
        if (dueMs > 0 && !advances) expect(timers.some((atMs) => atMs <= dueMs)).toBe(true);
      };
    });
  });

  it("a live run always waits for something", () => {
    checkAlways((plan) => (moved) => {
      const run = runOf(moved);
      if (run.status === "cancelling") expect(run.openAttempts).toBeGreaterThan(0);
      if (run.status !== "running") return;
      const waits = run.steps.some(({ status }) => status === "waiting");
      expect(run.openAttempts > 0 || waits || nextDueMs(run, plan) > 0 || isSchedulable(run, plan)).toBe(true);
    });
  });

  it("nothing is due before the next due time, and something is at it", () => {
    checkAlways((plan) => (moved) => {
      const run = runOf(moved);
      const dueMs = nextDueMs(run, plan);
      if (dueMs === 0) return;
      expect(eventsAt(run, plan, Math.max(moved.nowMs, dueMs))).toBeGreaterThan(0);
      if (dueMs > moved.nowMs) expect(eventsAt(run, plan, dueMs - 1)).toBe(0);
    });
  });

  it("I9: a command makes no more events than it may, but for those that end what it began", () => {
    // The command's own event, a step or item that begins, a signal taken, a fault and the end.
    const beyond = 8;
    fc.assert(
      fc.property(arbitraryDefinition, arbitraryHistory, (definition, history) => {
        const budgets = [history[0]?.budget ?? 0, ...history.map(({ budget }) => budget)];
        let at = 0;
        play(compilePlan(definition), history, ({ decision }) => {
          const budget = budgets[at++] ?? 0;
          // Steps that settle without an attempt are not counted: there are at most as many as the workflow has.
          if (budget > 0) expect(decision.events.length).toBeLessThanOrEqual(budget + beyond);
        });
      }),
      { numRuns: 300 },
    );
  });
});

function eventsAt(run: RunState, plan: Plan, nowMs: number): number {
  const decision = makeDecision(plan, structuredClone(run), { nowMs, seed: 1 }, ({ sha256 }) => json(sha256));
  if (decision.run !== undefined) timerDue(decision, decision.run);
  return decision.events.length;
}
