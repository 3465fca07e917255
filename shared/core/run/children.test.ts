import { runId, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import type { ParentRef, RunMessage } from "@millrace/model/messages.ts";
import { json } from "@millrace/model/payload.ts";
import type { RunCommand, SettleChild } from "@millrace/model/run-commands.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePlan } from "../plan/compile.ts";
import type { Plan } from "../plan/plan.ts";
import { isRunId, slotOfRun } from "../run-id.ts";
import { CHILD_DEPTH_MAX } from "./attempts.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import { CHILDREN_OPEN_MAX } from "./open-children.ts";
import { isSchedulable } from "./readiness.ts";
import { arbitraryDefinition } from "./testdata/arbitrary-definition.ts";
import { arbitraryHistory, type Moved, openTasks, play } from "./testdata/arbitrary-history.ts";
import { makeDecision, makePlan, makeStep } from "./testdata/make-plan.ts";

const PARENT: ParentRef = {
  ...{ runId: runId("0000000y000000000000"), epoch: 1, step: 0, item: -1, attempt: 1, stepName: "order" },
  ...{ wait: true, depth: 1 },
};

/** Lets random things happen to random runs, some of them children; `watch` gives the eyes that see one of them. */
function checkAlways(watch: (plan: Plan, parent: ParentRef | null) => (moved: Moved) => void): void {
  const parents = fc.constantFrom(null, PARENT, { ...PARENT, wait: false });
  fc.assert(
    fc.property(arbitraryDefinition, arbitraryHistory, parents, (definition, history, parent) => {
      const plan = compilePlan(definition);
      play(plan, history, watch(plan, parent), parent);
    }),
    { numRuns: 300 },
  );
}

function sentBy({ reactions }: Decision): RunMessage[] {
  return reactions.flatMap((reaction) => (reaction.type === "send" ? [reaction.message] : []));
}

function runOf({ decision }: Moved): RunState {
  if (decision.run === undefined) throw new Error("The run was never started.");
  return decision.run;
}

describe("whatever happens to a run with children", () => {
  it("I6: children told to start and not settled since are those under way", () => {
    checkAlways(() => {
      const open = new Map<string, string>();
      return (moved) => {
        const run = runOf(moved);
        for (const event of moved.decision.events) {
          if (event.type === "run-retried") open.clear();
          if (event.type === "step-completed" || event.type === "attempt-failed" || event.type === "attempt-cancelled")
            open.delete(`${event.step}/${event.item}`);
        }
        for (const message of sentBy(moved.decision))
          if (message.type === "start-child") open.set(`${message.step}/${message.item}`, message.to);
        const known = (run.children ?? []).map(({ step, item, child }) => `${step}/${item} ${child}`);
        expect(known.toSorted()).toEqual([...open].map((entry) => entry.join(" ")).toSorted());
      };
    });
  });

  it("I5: the children under way are the open attempts of workflow steps", () => {
    checkAlways((plan) => (moved) => {
      const run = runOf(moved);
      if (run.endedMs !== 0) return;
      const attempts = openTasks(run).filter(({ step }) => plan.steps[step]?.child != null);
      expect((run.children ?? []).map(({ step, item }) => [step, item])).toEqual(
        attempts.map(({ step, item }) => [step, item]),
      );
    });
  });

  it("every order goes with one message to start, to a child of its own", () => {
    checkAlways(() => {
      const children = new Set<string>();
      return ({ decision }) => {
        const ordered = decision.events.flatMap((event) => (event.type === "child-ordered" ? [event.child] : []));
        const started = sentBy(decision).flatMap((message) => (message.type === "start-child" ? [message.to] : []));
        expect(started).toEqual(ordered);
        for (const child of ordered) {
          expect([isRunId(child), children.has(child)]).toEqual([true, false]);
          children.add(child);
        }
      };
    });
  });

  it("when a run ends otherwise than well, every child under way is told to stop, as its step says", () => {
    checkAlways((plan) => {
      const told = new Set<string>();
      return (moved) => {
        for (const message of sentBy(moved.decision)) if (message.type === "stop-child") told.add(message.to);
        const run = runOf(moved);
        if (run.endedMs === 0) return;
        for (const { step, child } of run.children ?? [])
          expect(told.has(child)).toBe(plan.steps[step]?.child?.onCancel !== "abandon");
        expect(run.status === "completed" ? run.children : null).toBe(null);
      };
    });
  });

  it("I4: a parent is told once, whatever becomes of its child", () => {
    checkAlways((_, parent) => {
      let answers = 0;
      let ended = false;
      return ({ decision }) => {
        ended ||= decision.events.some(({ type }) => type === "run-ended");
        answers += sentBy(decision).filter(({ to }) => to === PARENT.runId).length;
        expect(answers).toBe(parent === null || (parent.wait && !ended) ? 0 : 1);
      };
    });
  });

  it("I3: what a child tells counts once", () => {
    checkAlways(() => {
      const heard = new Set<string>();
      return ({ command, decided }) => {
        if (command.type !== "child-ended" || "code" in decided || decided.repeated) return;
        expect(heard.has(command.child)).toBe(false);
        heard.add(command.child);
      };
    });
  });
});

const TO = { tenant: tenantId("t"), runId: runId("0000000z000000000000") };

class Played {
  #run: RunState | undefined;
  readonly #plan: Plan;

  constructor(plan: Plan, parent: ParentRef | null = null, input = "{}") {
    this.#plan = plan;
    this.decide({
      ...{ type: "start", ...TO, workflow: workflowName("w"), version: 1, input: json(input), parent },
      ...{ idempotencyKey: "", inputHash: "", traceparent: "" },
    });
  }

  /** Decides, and goes on where a budget ran out. Returns what came of the command itself. */
  decide(command: RunCommand): Decision {
    const first = makeDecision(this.#plan, this.#run, { nowMs: 1_000_000, seed: 7 });
    decide(first, command);
    this.#run = first.run;
    for (let { advanceAsked } = first; advanceAsked; ) {
      const next = makeDecision(this.#plan, this.#run, { nowMs: 1_000_000, seed: 8 });
      decide(next, { type: "advance", ...TO, lost: [] });
      ({ advanceAsked } = next);
    }
    return first;
  }

  get run(): RunState {
    if (this.#run === undefined) throw new Error("The run was never started.");
    return this.#run;
  }

  get open(): number {
    return this.run.children?.length ?? 0;
  }

  end(at: number, status: SettleChild["status"]): Decision {
    const open = this.run.children?.[at];
    if (open === undefined) throw new Error(`There is no child ${at}.`);
    return this.decide({
      ...{ type: "child-ended", ...TO, ...open, epoch: 1, attempt: 1, status, startedMs: 1 },
      ...{ output: json("1"), failure: null },
    });
  }
}

describe("bounds of children", () => {
  const list = JSON.stringify(Array.from({ length: 600 }, (_, index) => index));
  const child = { name: "other", version: 0, wait: true, onCancel: "cancel" } as const;

  it("I9: only so many of a run are under way; each that ends makes room for the next, of whatever step", () => {
    const each = makeStep("each", { kind: "workflow", child, forEach: "input", maxConcurrency: 1000 });
    const other = makeStep("other", { kind: "workflow", child, with: 1 });
    const plan = makePlan([each, other]);
    const played = new Played(plan, null, list);
    expect(played.open).toBe(CHILDREN_OPEN_MAX);
    expect(isSchedulable(played.run, plan)).toBe(false);
    for (let ended = 0; ended < 601; ended++) {
      played.end(0, "completed");
      expect(played.open).toBe(Math.min(CHILDREN_OPEN_MAX, 600 - ended));
    }
    expect(played.run.status).toBe("completed");
  });

  it("I9: a retry waits for room, too, and is not due before", () => {
    const retry = { maxAttempts: 2, initialDelayMs: 1, maxDelayMs: 1, multiplier: 1 };
    const each = makeStep("each", { kind: "workflow", child, forEach: "input", maxConcurrency: 1000, retry });
    const played = new Played(makePlan([each]), null, list);
    played.end(0, "failed");
    expect(played.open).toBe(CHILDREN_OPEN_MAX);
    const full = played.decide({ type: "timer-due", ...TO });
    expect([full.events, full.reactions]).toEqual([[], []]);
    const ended = played.end(0, "completed");
    expect(played.open).toBe(CHILDREN_OPEN_MAX);
    expect(ended.events.map(({ type }) => type)).toEqual(["step-completed", "child-ordered"]);
  });

  it("I9: they go only so deep", () => {
    const plan = makePlan([makeStep("down", { kind: "workflow", child })]);
    expect(new Played(plan, { ...PARENT, depth: CHILD_DEPTH_MAX - 1 }).open).toBe(1);
    expect(new Played(plan, { ...PARENT, depth: CHILD_DEPTH_MAX }).run.failure?.failure).toMatchObject({
      code: "CHILD_RUN_REFUSED",
      class: "permanent",
    });
  });

  it("I3: no two that one command orders are the same run, though they share a slot", () => {
    const steps = Array.from({ length: 250 }, (_, index) => makeStep(`s${index}`, { kind: "workflow", child }));
    const children = (new Played(makePlan(steps)).run.children ?? []).map((open) => open.child);
    expect(new Set(children.map(slotOfRun)).size).toBeLessThan(steps.length);
    expect(new Set(children).size).toBe(steps.length);
  });

  it("children of a run spread over the slots", () => {
    const each = makeStep("each", { kind: "workflow", child, forEach: "input", maxConcurrency: 1000 });
    const played = new Played(makePlan([each]), null, list);
    const slots = new Set((played.run.children ?? []).map((open) => slotOfRun(open.child)));
    expect(slots.size).toBeGreaterThan(CHILDREN_OPEN_MAX * 0.9);
  });
});

describe("a result that a worker makes up for a child", () => {
  it("I3: changes nothing", () => {
    const child = { name: "other", version: 0, wait: true, onCancel: "cancel" } as const;
    const played = new Played(makePlan([makeStep("down", { kind: "workflow", child })]));
    const token = { runId: TO.runId, epoch: 1, step: 0, item: -1, attempt: 1 };
    const outcome = { type: "completed", output: json("1") } as const;
    const result = { ...token, outcome, worker: workerName("w@1"), startedMs: 0, logs: null };
    expect(played.decide({ type: "result", ...TO, result }).events).toEqual([]);
  });
});
