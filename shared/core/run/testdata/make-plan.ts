// Plans and decisions for tests, with everything defaulted.
import type { Definition, StepDefinition, Template } from "@millrace/model/definition.ts";
import { workflowName } from "@millrace/model/ids.ts";
import type { Moment } from "@millrace/model/reaction.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import { compilePlan } from "../../plan/compile.ts";
import type { Plan } from "../../plan/plan.ts";
import type { BlobText } from "../input.ts";
import { COMMAND_BYTES_MAX, COMMAND_EVENTS_MAX, type Decision } from "../decision.ts";

export const RETRY = { maxAttempts: 3, initialDelayMs: 1000, maxDelayMs: 60_000, multiplier: 2 };

/** A task step that needs nobody, but for what is said otherwise. */
export function makeStep(name: string, fields: Partial<StepDefinition>): StepDefinition {
  const rest = { if: null, forEach: null, maxConcurrency: 100, with: null, hasWith: fields.with !== undefined, child: null };
  const times = { attemptTimeoutMs: 300_000, stepTimeoutMs: 0, retry: RETRY };
  return { name, uses: "work", kind: "task", needs: [], ...rest, ...times, ...fields };
}

export function makeDefinition(steps: readonly StepDefinition[], output?: Template, timeoutMs = 0): Definition {
  const hasOutput = output !== undefined;
  return { name: workflowName("w"), triggers: [], steps, output: output ?? null, hasOutput, timeoutMs };
}

export function makePlan(steps: readonly StepDefinition[], output?: Template, timeoutMs = 0): Plan {
  return compilePlan(makeDefinition(steps, output, timeoutMs));
}

/** A decision with nothing in it yet and a whole budget; without `blobText` no blob is at hand. */
export function makeDecision(
  plan: Plan,
  run: RunState | undefined,
  at: Moment,
  blobText: BlobText = () => undefined,
): Decision {
  return {
    run,
    plan,
    at,
    events: [],
    reactions: [],
    blobText,
    lost: [],
    eventsLeft: COMMAND_EVENTS_MAX,
    bytesLeft: COMMAND_BYTES_MAX,
    advanceAsked: false,
    canOrder: true,
    roomAwaited: false,
    loadAsked: false,
  };
}
