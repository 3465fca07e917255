// What an operator asks of the coordinator: that a process gives away all it hosts, or takes its share again. Gateways,
// which take such calls, may not write to the common memory themselves.
import type { Bus } from "@millrace/bus/bus.ts";
import { isProcessName } from "@millrace/core/process-id.ts";
import { type ProcessName, processName } from "@millrace/model/ids.ts";
import { Fields, type FormatProblem } from "./fields.ts";
import { DRAIN_SUBJECT } from "./subjects.ts";
import { DRAIN_MS } from "./timing.ts";

export interface DrainRequest {
  readonly name: ProcessName;
  readonly isDraining: boolean;
}

export type DrainOutcome =
  /** The map says so: it happens as fast as others can take over. */
  | { readonly type: "done" }
  /** It may or may not happen. Asking again is safe. */
  | { readonly type: "failed"; readonly reason: string };

/** Reasons come from errors of any length. */
const REASON_CHARACTERS_MAX = 1_000;

/** Asks whoever coordinates. */
export async function askToDrain(bus: Bus, request: DrainRequest): Promise<DrainOutcome> {
  const answer = await bus.request(DRAIN_SUBJECT, printDrainRequest(request), DRAIN_MS);
  switch (answer.type) {
    case "nobody":
      return { type: "failed", reason: "There is no node in the cluster. Start one." };
    case "silent":
      return { type: "failed", reason: `No coordinator answered within ${DRAIN_MS} ms. Ask again.` };
    case "answered": {
      const outcome = parseDrainOutcome(answer.data);
      return "problem" in outcome ? { type: "failed", reason: outcome.problem } : outcome;
    }
  }
}

export function printDrainRequest({ name, isDraining }: DrainRequest): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ name, state: isDraining ? "draining" : "working" }));
}

export function parseDrainRequest(bytes: Uint8Array): DrainRequest | FormatProblem {
  return Fields.parse(
    bytes,
    (fields): DrainRequest => ({
      name: fields.text("name", "a process's name", isProcessName) ?? processName(""),
      isDraining: fields.word("state", ["draining", "working"]) === "draining",
    }),
  );
}

export function printDrainOutcome(outcome: DrainOutcome): Uint8Array {
  const reason = outcome.type === "failed" ? outcome.reason.slice(0, REASON_CHARACTERS_MAX) : "";
  return new TextEncoder().encode(JSON.stringify({ type: outcome.type, reason }));
}

export function parseDrainOutcome(bytes: Uint8Array): DrainOutcome | FormatProblem {
  return Fields.parse(bytes, (fields): DrainOutcome => {
    const type = fields.word("type", ["done", "failed"]);
    const reason = fields.text("reason", "text", isReason) ?? "";
    return type === "done" ? { type } : { type, reason };
  });
}

function isReason(text: string): text is string {
  return text.length <= REASON_CHARACTERS_MAX;
}
