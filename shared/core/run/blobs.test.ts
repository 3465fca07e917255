import { runId, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import { type BlobRef, type Json, json, type Payload } from "@millrace/model/payload.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import type { RunState, TaskState } from "@millrace/model/run-state.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePlan } from "../plan/compile.ts";
import type { Plan } from "../plan/plan.ts";
import { decide } from "./decide.ts";
import { nextDueMs } from "./due.ts";
import { outputPayload, runOutput } from "./input.ts";
import { childOf } from "./open-children.ts";
import { arbitraryDefinition, RUN_INPUT_TEXT } from "./testdata/arbitrary-definition.ts";
import { openTasks } from "./testdata/arbitrary-history.ts";
import { makeDecision, makePlan, makeStep } from "./testdata/make-plan.ts";

const TO = { tenant: tenantId("t"), runId: runId("0000000z000000000000") };

/** A run that is driven to its end: tasks complete, blobs come when they are wanted, signals are sent. */
class Driven {
  run: RunState | undefined;
  readonly #plan: Plan;
  readonly #payloadOf: (text: string) => Payload;
  readonly #budget: number;
  #nowMs = 1_000_000;
  #wanted: readonly BlobRef[] | null = null;
  #advance = false;

  constructor(plan: Plan, payloadOf: (text: string) => Payload, { input = RUN_INPUT_TEXT, budget = 4 } = {}) {
    this.#plan = plan;
    this.#payloadOf = payloadOf;
    this.#budget = budget;
    this.#decide({
      ...{ type: "start", ...TO, workflow: workflowName("w"), version: 1, input: payloadOf(input) },
      ...{ idempotencyKey: "", inputHash: "", traceparent: "", parent: null },
    });
  }

  end(): RunState {
    for (let moves = 0; moves < 1000; moves++) {
      if (this.run === undefined || this.run.endedMs !== 0) break;
      this.#move(this.run);
    }
    if (this.run === undefined || this.run.endedMs === 0) throw new Error("The run does not end.");
    return this.run;
  }

  #move(run: RunState): void {
    if (this.#wanted !== null) return this.#decide({ type: "advance", ...TO, lost: [] }, this.#wanted);
    if (this.#advance) return this.#decide({ type: "advance", ...TO, lost: [] });
    const [task] = openTasks(run);
    if (task !== undefined) return this.complete(task, this.#payloadOf(JSON.stringify({ of: [task.step, task.item] })));
    for (const step of run.steps) {
      if (step.status !== "waiting") continue;
      const payload = this.#payloadOf('"sent"');
      return this.#decide({ type: "signal", ...TO, signalId: "", name: step.signal, payload });
    }
    this.#nowMs = Math.max(this.#nowMs, nextDueMs(run, this.#plan));
    this.#decide({ type: "timer-due", ...TO });
  }

  complete(task: { readonly step: number; readonly item: number; readonly attempt: number }, output: Payload): void {
    const child = this.run === undefined ? null : childOf(this.run, task.step, task.item);
    if (child !== null) {
      const end = { child, epoch: 1, ...task, status: "completed", output, failure: null, startedMs: 0 } as const;
      return this.#decide({ type: "child-ended", ...TO, ...end });
    }
    const outcome = { type: "completed", output } as const;
    const token = { runId: TO.runId, epoch: 1, ...task };
    const result = { ...token, outcome, worker: workerName("w@1"), startedMs: this.#nowMs, logs: null };
    this.#decide({ type: "result", ...TO, result });
  }

  /** Decides with these texts at hand, and no others. */
  #decide(command: RunCommand, blobs: readonly BlobRef[] = []): void {
    const atHand = new Set(blobs.map(({ sha256 }) => sha256));
    const at = { nowMs: this.#nowMs, seed: 1 };
    const decision = makeDecision(this.#plan, this.run, at, (ref) =>
      atHand.has(ref.sha256) ? textOf(ref) : undefined,
    );
    decision.eventsLeft = this.#budget;
    decide(decision, command);
    this.run = decision.run;
    this.#wanted = null;
    this.#advance = false;
    for (const reaction of decision.reactions) {
      if (reaction.type === "load") this.#wanted = reaction.blobs;
      if (reaction.type === "advance") this.#advance = true;
    }
  }
}

const inline = (text: string): Payload => json(text);
/** A blob whose name is its text. */
const blob = (text: string): Payload => ({ sha256: text, bytes: 70_000 });

/** The text of a payload or of a list of them. */
function textOf(payload: Payload | readonly Payload[] | null): Json {
  if (payload === null) return json("null");
  if (typeof payload === "string") return payload;
  return json("sha256" in payload ? payload.sha256 : `[${payload.map(textOf).join(",")}]`);
}

describe("a run whose payloads are blobs", () => {
  it("ends as it would with the same payloads at hand, though it never has more than it asked for last", () => {
    fc.assert(
      fc.property(arbitraryDefinition, (definition) => {
        const plan = compilePlan({ ...definition, timeoutMs: 0 });
        const [one, other] = [inline, blob].map((payloadOf) => new Driven(plan, payloadOf).end());
        if (one === undefined || other === undefined) return;
        expect(other.status).toBe(one.status);
        // Of several steps that would fail, the first ends the run; the others may be at any point.
        if (one.status !== "completed") return;
        expect(textOf(runOutput({ run: other, plan }))).toBe(textOf(runOutput({ run: one, plan })));
        for (const { index } of plan.steps)
          expect(textOf(outputPayload(other, index))).toBe(textOf(outputPayload(one, index)));
      }),
      { numRuns: 500 },
    );
  });
});

describe("the result of an item", () => {
  it("I9: looks at no other item, however many there are and whichever are blobs", () => {
    const plan = makePlan([makeStep("each", { forEach: "input", maxConcurrency: 1000 })]);
    const driven = new Driven(plan, inline, {
      input: JSON.stringify(Array.from({ length: 200 }, () => 1)),
      budget: 256,
    });
    const state = driven.run?.steps[0];
    if (driven.run === undefined || state === undefined || !("tasks" in state)) throw new Error("There are no items.");
    const looks: string[] = [];
    const tasks: (TaskState | null)[] = new Proxy(state.tasks, {
      get(target, property) {
        looks.push(String(property));
        const value: unknown = Reflect.get(target, property);
        return value;
      },
    });
    driven.run.steps[0] = { ...state, tasks };
    for (const item of [7, 8]) driven.complete({ step: 0, item, attempt: 1 }, blob("1"));
    expect(new Set(looks)).toEqual(new Set(["7", "8", "length"]));
  });
});
