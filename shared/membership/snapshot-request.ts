// What an operator asks of a process that hosts a shard: to put the shard's state into the archive now.
import type { Bus, Unsubscribe } from "@millrace/bus/bus.ts";
import { type Position, type ProcessId, position, type ShardId, shardId } from "@millrace/model/ids.ts";
import { Fields, type FormatProblem } from "./fields.ts";
import { snapshotSubject } from "./subjects.ts";
import { SNAPSHOT_MS } from "./timing.ts";

export interface SnapshotRequest {
  readonly shard: ShardId;
}

export type SnapshotOutcome =
  /** It is in the archive, whole, up to this record. */
  { readonly type: "taken"; readonly position: Position } | { readonly type: "failed"; readonly reason: string };

export type SnapshotAnswer =
  | SnapshotOutcome
  /** The process is not there. */
  | { readonly type: "nobody" }
  /** No answer came in time: it may be under way. Asking again is safe. */
  | { readonly type: "silent" };

/** Reasons come from errors of any length. */
const REASON_CHARACTERS_MAX = 1_000;

/** Asks a process that hosts the shard, as owner or standby. */
export async function askForSnapshot(bus: Bus, process: ProcessId, shard: ShardId): Promise<SnapshotAnswer> {
  const answer = await bus.request(snapshotSubject(process), printSnapshotRequest({ shard }), SNAPSHOT_MS);
  if (answer.type !== "answered") return { type: answer.type };
  const outcome = parseSnapshotOutcome(answer.data);
  return "problem" in outcome ? { type: "failed", reason: outcome.problem } : outcome;
}

/** Answers those who ask this process; `take` rejects when there is nothing to copy. */
export function answerSnapshots(
  bus: Bus,
  process: ProcessId,
  take: (shard: ShardId) => Promise<Position>,
): Unsubscribe {
  return bus.subscribe(snapshotSubject(process), (message) => {
    if (message.type !== "message" || message.reply === "") return;
    const request = parseSnapshotRequest(message.data);
    const answer = (outcome: SnapshotOutcome): void => bus.publish(message.reply, printSnapshotOutcome(outcome));
    if ("problem" in request) return answer({ type: "failed", reason: request.problem });
    take(request.shard).then(
      (at) => answer({ type: "taken", position: at }),
      (error: unknown) => answer({ type: "failed", reason: error instanceof Error ? error.message : String(error) }),
    );
  });
}

export function printSnapshotRequest({ shard }: SnapshotRequest): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ shard }));
}

export function parseSnapshotRequest(bytes: Uint8Array): SnapshotRequest | FormatProblem {
  return Fields.parse(bytes, (fields): SnapshotRequest => ({ shard: shardId(fields.integer("shard", 0)) }));
}

export function printSnapshotOutcome(outcome: SnapshotOutcome): Uint8Array {
  const reason = outcome.type === "failed" ? outcome.reason.slice(0, REASON_CHARACTERS_MAX) : "";
  const at = outcome.type === "taken" ? outcome.position : 0;
  return new TextEncoder().encode(JSON.stringify({ type: outcome.type, position: at, reason }));
}

export function parseSnapshotOutcome(bytes: Uint8Array): SnapshotOutcome | FormatProblem {
  return Fields.parse(bytes, (fields): SnapshotOutcome => {
    const type = fields.word("type", ["taken", "failed"]);
    const at = position(fields.integer("position", 0));
    const reason = fields.text("reason", "text", isReason) ?? "";
    return type === "taken" ? { type, position: at } : { type, reason };
  });
}

function isReason(text: string): text is string {
  return text.length <= REASON_CHARACTERS_MAX;
}
