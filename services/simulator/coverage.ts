// What a run of seeds has exercised, by kind. A kind that never occurred means that the simulation is blind there.
import type { JournalEvent } from "@millrace/model/run-events.ts";

/** Everything that must occur at least once in a thousand seeds. */
export const KINDS = [
  ...["start", "start again", "start with a used key", "start of no workflow", "start of bad input", "result"],
  ...["signal", "signal again", "cancel", "terminate", "pause", "resume", "retry", "retry again"],
  ...["get", "list", "watch", "unwatch", "register", "burst"],
].map((name) => `command: ${name}`);

const EVENT_KINDS = [
  ...["run-started", "step-scheduled", "step-completed", "attempt-failed", "attempt-cancelled", "step-fanned-out"],
  ...["step-joined", "step-skipped", "step-evaluated", "step-faulted", "step-sleeping", "step-woke", "step-waiting"],
  ...["signal-received", "signal-taken", "run-paused", "run-resumed", "cancel-requested", "run-ended", "run-retried"],
  ...["shard-claimed", "definition-pinned", "child-ordered", "message-sent", "message-applied", "messages-acked"],
].map((name) => `event: ${name}`);

const MESSAGE_KINDS = [
  ...["start-child", "stop-child", "child-started", "child-refused", "child-ended"].map((name) => `message: ${name}`),
  ...["done", "repeated", "SHARD_OVERLOADED", "SHARD_UNAVAILABLE", "DISK_FULL"].map(
    (name) => `message answered: ${name}`,
  ),
];

const FAULT_KINDS = [
  ...["crash before a write", "crash in a write", "crash after a write", "crash before a slice", "crash after a slice"],
  ...["crash before a flush", "crash in recovery", "crash at rest", "slices lost"],
  ...["append lost", "append delayed", "append torn", "append duplicated", "append unknown, written"],
  ...["append unknown, not written", "append stale", "append full", "claim unknown", "disk full", "acks slow"],
  ...["store full", "store failed", "clock back", "clock forward", "usurped", "graceful stop"],
  ...["worker died", "worker reconnected", "worker silent", "worker drained"],
  ...["message lost", "message twice", "message late", "answer lost", "answer twice", "answer late"],
  ...["result twice", "result late", "result never", "result of another's attempt", "blob of a result"],
  ...["blob unreadable", "blob slow", "blob lost"],
].map((name) => `fault: ${name}`);

const ANSWER_KINDS = [
  ...["done", "repeated", "IDEMPOTENCY_KEY_REUSED", "RUN_NOT_FOUND", "RUN_ENDED", "RUN_NOT_ENDED", "RUN_NOT_FAILED"],
  ...["RUN_NOT_PAUSED", "SIGNAL_BUFFER_FULL", "SHARD_OVERLOADED", "SHARD_UNAVAILABLE", "DISK_FULL", "end told"],
].map((name) => `answer: ${name}`);

export const REQUIRED: readonly string[] = [
  ...KINDS,
  ...EVENT_KINDS,
  ...MESSAGE_KINDS,
  ...FAULT_KINDS,
  ...ANSWER_KINDS,
];

export class Coverage {
  readonly #counts = new Map<string, number>();

  count(kind: string, times = 1): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + times);
  }

  event(event: JournalEvent): void {
    this.count(`event: ${event.type}`);
    if (event.type === "message-sent") this.count(`message: ${event.message.type}`);
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** How much of one sort there was. */
  total(sort: "command" | "event" | "fault" | "answer"): number {
    let total = 0;
    for (const [kind, count] of this.#counts) if (kind.startsWith(`${sort}: `)) total += count;
    return total;
  }

  add(counts: Iterable<readonly [string, number]>): void {
    for (const [kind, count] of counts) this.count(kind, count);
  }

  /** Kinds that never occurred. */
  missing(): string[] {
    return REQUIRED.filter((kind) => !this.#counts.has(kind));
  }
}
