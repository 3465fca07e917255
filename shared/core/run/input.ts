// Turns an input as recorded (often only a reference) into the payload it stands for.
import {
  type BlobRef,
  ITEM_INPUT,
  JSON_NULL,
  type Json,
  json,
  type PassedPayload,
  RUN_INPUT,
  type StepInput,
  WRITTEN_INPUT,
} from "@millrace/model/payload.ts";
import type { RunState, StepItems } from "@millrace/model/run-state.ts";
import type { Plan } from "../plan/plan.ts";
import { itemsOf } from "./task-state.ts";

/** Gives the text of a blob, if it is at hand. */
export type BlobText = (ref: BlobRef) => Json | undefined;

/** Where an input is used: the step's ordinal, and the item's or -1. */
export interface InputPlace {
  readonly step: number;
  readonly item: number;
}

/** The payload a step's or item's recorded input stands for. */
export function inputPayload({ run, plan }: InputSource, place: InputPlace, input: StepInput): PassedPayload {
  if (typeof input !== "number") return input;
  switch (input) {
    case RUN_INPUT:
      return run.input;
    case ITEM_INPUT:
      return itemsOf(run, place.step)?.items[place.item] ?? JSON_NULL;
    case WRITTEN_INPUT: {
      const written = plan.steps[place.step]?.input;
      return written?.type === "constant" ? written.value : JSON_NULL;
    }
    default:
      return outputPayload(run, input);
  }
}

/** What inputs are read from. */
export interface InputSource {
  readonly run: RunState;
  readonly plan: Plan;
}

/** What a completed run's recorded output stands for. */
export function runOutput({ run, plan }: InputSource): PassedPayload | null {
  if (run.output === null || typeof run.output !== "number") return run.output;
  if (run.output === RUN_INPUT) return run.input;
  if (run.output === WRITTEN_INPUT) return plan.output.type === "constant" ? plan.output.value : JSON_NULL;
  return outputPayload(run, run.output);
}

/** A settled step's output; JSON null for one that has none. */
export function outputPayload(run: RunState, step: number): PassedPayload {
  const state = run.steps[step];
  switch (state?.status) {
    case "completed":
    case "done":
      return state.output;
    case "joined":
      return joinedOutput(state);
    default:
      return JSON_NULL;
  }
}

/** The ordered list of the items' outputs: its text, unless there are blobs among them. */
function joinedOutput(items: StepItems): PassedPayload {
  const outputs = items.tasks.map((task) => (task?.status === "completed" ? task.output : JSON_NULL));
  return outputs.every((output) => typeof output === "string") ? listOf(outputs) : outputs;
}

/** One JSON list of these texts. */
export function listOf(texts: readonly Json[]): Json {
  return json(`[${texts.join(",")}]`);
}

export function isBlobRef(payload: PassedPayload): payload is BlobRef {
  return typeof payload === "object" && "sha256" in payload;
}
