// The blobs among what an evaluation reads. Their texts must all be at hand before it begins; else the run asks for them,
// and what wanted to begin waits for `advance`, or has failed because they will never be there.
import type { Failure } from "@millrace/model/failure.ts";
import { type BlobRef, type Payload, RUN_INPUT } from "@millrace/model/payload.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import type { PlanStep } from "../plan/plan.ts";
import { type Decision, faultStep, wholeStep } from "./decision.ts";

/**
 * Bytes of blobs that one evaluation may read together. An expression may read 16 million characters (meter.ts): more than
 * this is read by hardly any that would not fail for that, and a shard holds the texts of several evaluations at a time.
 */
export const BLOBS_READ_BYTES_MAX = 32 * 1024 * 1024;

/**
 * Whether an evaluation that reads these outputs (RUN_INPUT: the run's input) can take place: `now`, `later` when texts
 * are missing, which were asked for, or never, because of a failure.
 */
export function readable(decision: Decision, run: RunState, reads: readonly number[]): "now" | "later" | Failure {
  if (reads.length === 0) return "now";
  const blobs = blobsAmong(run, reads);
  if (blobs.length === 0) return "now";
  let bytes = 0;
  let isMissing = false;
  for (const blob of blobs) {
    bytes += blob.bytes;
    if (decision.blobText(blob) !== undefined) continue;
    if (decision.lost.some(({ sha256 }) => sha256 === blob.sha256)) return blobLost(blob);
    isMissing = true;
  }
  if (bytes > BLOBS_READ_BYTES_MAX) return tooMuch(bytes);
  if (!isMissing) return "now";
  if (!decision.loadAsked) {
    decision.loadAsked = true;
    decision.reactions.push({ type: "load", runId: run.runId, blobs });
  }
  return "later";
}

/** Whether a step can be evaluated now. If not, it waits for texts, or it has failed. */
export function stepIsReadable(decision: Decision, run: RunState, step: PlanStep, reads: readonly number[]): boolean {
  const answer = readable(decision, run, reads);
  if (typeof answer === "object") faultStep(decision, run, wholeStep(step), answer);
  return answer === "now";
}

function blobsAmong(run: RunState, reads: readonly number[]): BlobRef[] {
  const blobs: BlobRef[] = [];
  for (const step of reads) {
    const state = run.steps[step];
    if (step === RUN_INPUT) add(blobs, run.input);
    else if (state?.status === "completed" || state?.status === "done") add(blobs, state.output);
    else if (state?.status === "joined")
      for (const task of state.tasks) if (task?.status === "completed") add(blobs, task.output);
  }
  return blobs;
}

function add(blobs: BlobRef[], payload: Payload): void {
  if (typeof payload !== "string") blobs.push(payload);
}

function blobLost({ sha256, bytes }: BlobRef): Failure {
  return {
    code: "BLOB_LOST",
    class: "permanent",
    message: `Blob ${sha256} of ${bytes} bytes, which it reads, is gone from the blob store or damaged there.`,
    guidance: "Bring the blobs folder back from a backup and retry the run, or start a new run.",
    retryAfterMs: 0,
  };
}

function tooMuch(bytes: number): Failure {
  return {
    code: "EXPRESSION_TOO_COSTLY",
    class: "permanent",
    message: `Its expressions read ${bytes} bytes of large payloads, more than ${BLOBS_READ_BYTES_MAX}.`,
    guidance: "Let a task read them, or let the steps before return less.",
    retryAfterMs: 0,
  };
}
