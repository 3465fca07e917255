// What the checkers see of a world: everything that became durable, and everything that was told to the outside.
import type { Sending, Standing, Way } from "@millrace/core/messages/ways.ts";
import type { JournalRecord, JournalTail } from "@millrace/journal/journal.ts";
import type { ListedRun, Reply, RunEnd, RunView } from "@millrace/link/link.ts";
import type { Position, RunId, TenantId } from "@millrace/model/ids.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import type { JournalEvent } from "@millrace/model/run-events.ts";
import type { Task, TaskToken } from "@millrace/model/task.ts";
import type { ShardLoad } from "@millrace/shard-host/shard.ts";
import type { StoredRun } from "@millrace/store/store.ts";
import type { Truth } from "./truth.ts";

/** A command under way, as its sender knows it. */
export interface Call {
  /** Unique in a seed. */
  readonly ref: number;
  readonly command: RunCommand;
  readonly notifyEnd: boolean;
  /** The journal's tail of the run's shard when it was sent. */
  readonly sentAt: Position;
}

/** A shard's memory, read back. */
export interface Recovered {
  run(runId: RunId): { readonly position: Position; readonly bytes: Buffer } | undefined;
  /** The run an idempotency key started. */
  key(tenant: TenantId, key: string): RunId | undefined;
  /** Ways with messages that wait, by name. */
  readonly waiting: ReadonlyMap<string, Sending>;
  /** What a message of this number would be. */
  standing(way: Way, number: number): Standing;
}

export type Observation =
  /** A record became durable. `writer` is the journal handle that wrote it. */
  | {
      readonly type: "record";
      readonly shard: number;
      readonly record: JournalRecord;
      readonly previous: JournalTail;
      readonly bytes: number;
    }
  /** An event of a durable record, already folded. */
  | { readonly type: "event"; readonly shard: number; readonly event: JournalEvent; readonly record: JournalRecord }
  /** All events of a durable record are folded. */
  | { readonly type: "folded"; readonly shard: number }
  | { readonly type: "appended"; readonly shard: number; readonly position: Position; readonly writer: number }
  | { readonly type: "reply"; readonly call: Call; readonly reply: Reply }
  | { readonly type: "end"; readonly call: Call; readonly end: RunEnd }
  | { readonly type: "task"; readonly task: Task }
  | { readonly type: "settled"; readonly tokens: readonly TaskToken[] }
  | { readonly type: "view"; readonly view: RunView }
  /** A run in a list. */
  | { readonly type: "row"; readonly row: ListedRun }
  /** The store holds a run in this form. */
  | { readonly type: "stored"; readonly shard: number; readonly runId: RunId; readonly stored: StoredRun }
  | { readonly type: "load"; readonly shard: number; readonly load: ShardLoad }
  /** What a process that takes over would find in checkpoint and journal. */
  | { readonly type: "recovered"; readonly shard: number; readonly found: Recovered }
  /** A blob of the run is gone for ever. */
  | { readonly type: "blob-lost"; readonly runId: RunId }
  /** A record was not written, or a process died: whoever waited may have to ask again. */
  | { readonly type: "disturbed" }
  /** Faults are over and everything had the time to end. */
  | { readonly type: "over" };

export type Invariant = "I1" | "I2" | "I3" | "I4" | "I5" | "I6" | "I7" | "I8" | "I9" | "progress";

/** Watches one invariant. Keeps what it has seen, touches nothing else. */
export interface Checker {
  readonly invariant: Invariant;
  /** Says what is wrong, or nothing. */
  see(seen: Observation, truth: Truth): string | undefined;
}

/** An invariant does not hold. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly invariant: Invariant;

  constructor(invariant: Invariant, problem: string) {
    super(`${invariant}: ${problem}`);
    this.invariant = invariant;
  }
}
