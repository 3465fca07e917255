// The seam between gateways and the shards of a cluster. In one process it is a pair of objects; across processes an
// adapter carries the same plain data. Batches everywhere; nothing here waits.

import type { RunFailure } from "@millrace/model/failure.ts";
import type { Position, RunId, TenantId, WorkflowName } from "@millrace/model/ids.ts";
import type { PassedPayload } from "@millrace/model/payload.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { ShardCommand } from "@millrace/model/run-commands.ts";
import type { EndStatus, RunStatus } from "@millrace/model/run-state.ts";
import type { RunSummary } from "@millrace/model/run-summary.ts";
import type { OwedAttempt, Task, TaskToken } from "@millrace/model/task.ts";

/** A command on its way in. `ref` is the origin's own number for it and comes back with the reply. */
export interface Envelope {
  readonly ref: number;
  readonly command: ShardCommand;
  /** On a start: also tell the origin when the run ends (at once if it already has). */
  readonly notifyEnd: boolean;
}

/** The answer to a command. It leaves when what it says is durable (I1). */
export type Reply =
  | {
      readonly type: "done";
      readonly ref: number;
      readonly runId: RunId;
      /** Whether this command was settled before: nothing new happened (I3). */
      readonly repeated: boolean;
      readonly epoch: number;
    }
  | { readonly type: "refused"; readonly ref: number; readonly refusal: Refusal };

/** A run reached its end. */
export interface RunEnd {
  /** The `ref` of the start that asked. */
  readonly ref: number;
  readonly runId: RunId;
  readonly epoch: number;
  readonly status: EndStatus;
  readonly output: PassedPayload | null;
  readonly failure: RunFailure | null;
  /** The name of the step that failed; empty if none. */
  readonly failedStep: string;
  readonly endedMs: number;
}

/** Who sent commands and hears about them: a client's stream or call on a gateway. */
export interface Origin {
  replied(replies: readonly Reply[]): void;
  ended(ends: readonly RunEnd[]): void;
}

/** A run's state as of a durable position, encoded by `@millrace/codec` (the gateway decodes what it needs). */
export interface RunView {
  readonly runId: RunId;
  readonly bytes: Uint8Array;
  readonly position: Position;
  /** The parsed definition the run is pinned to, as JSON text. */
  readonly definition: string;
}

export interface ListQuery {
  readonly tenant: TenantId;
  readonly workflow: WorkflowName | null;
  readonly status: RunStatus | null;
  /** Start time bounds, epoch ms; 0 = open. From inclusive, until exclusive. */
  readonly startedFromMs: number;
  readonly startedUntilMs: number;
  /** Where the last page ended; null = the first page. */
  readonly before: RunId | null;
  /** 1 to 1,000. */
  readonly limit: number;
}

/** A run in a list, as of a durable position. Texts are cut at {@link LISTED_TEXT_CHARACTERS_MAX}. */
export interface ListedRun extends RunSummary {
  readonly position: Position;
}

/** Longest text of a run in a list, in characters: 1,000 runs with three such texts each stay below 10 MiB of UTF-8. */
export const LISTED_TEXT_CHARACTERS_MAX = 1_024;

/** Newest first. Shorter than the limit where more would cost too much to read, and then there is a `next`. */
export interface ListPage {
  readonly runs: readonly ListedRun[];
  /** Pass as `before` for the next page; null = there is no more. */
  readonly next: RunId | null;
}

/** A standing order for a run's changes. */
export interface Watching {
  /** The last state told is dealt with: the next one may come. */
  taken(): void;
  /** Nothing is to be told any more. */
  end(): void;
}

/** The shards as a gateway sees them. */
export interface Shards {
  /** Hands in commands; each is answered to `origin` exactly once, unless this process dies first. */
  submit(origin: Origin, batch: readonly Envelope[]): void;
  /** Whoever this is wants to hear of no more ends: its stream or call is over. */
  forget(origin: Origin): void;
  /** A run by ID, as of now. */
  run(tenant: TenantId, runId: RunId, answer: (view: RunView | Refusal) => void): void;
  list(query: ListQuery, answer: (page: ListPage | Refusal) => void): void;
  /**
   * Calls `changed` with the run as it is, and, when that was `taken`, again after it changed: a slow watcher is told of
   * fewer, newer states, and costs no buffer. Changes of large runs are told less often, a run's end always at once.
   * A refusal is the last call.
   */
  watch(tenant: TenantId, runId: RunId, changed: (view: RunView | Refusal) => void): Watching;
  /** Gives workers' free places to waiting tasks: at most `credits` tasks of these types, fairly by tenant. */
  pull(taskTypes: readonly string[], credits: number, deliver: Deliver): void;
  /** Workers announced that they have these from before: nobody else is given them. {@link TaskSink.owed} hears what they are. */
  hold(attempts: readonly TaskToken[]): void;
  /** No worker has these attempts after all: they wait again at once. */
  giveBack(attempts: readonly TaskToken[]): void;
  /**
   * Whoever had attempts when an earlier process ended had the time to announce them: what nobody announced is given to
   * others from now on. Until this is called, it waits; new attempts never do.
   */
  workersAreBack(): void;
  /** Where shards announce waiting tasks and take tasks back. Called once, when the gateway starts. */
  connect(sink: TaskSink): void;
}

/**
 * Takes tasks and credits that found none. It may be called several times: what all calls bring adds up to the credits of
 * the pull, which are spoken for until then.
 */
export type Deliver = (tasks: readonly Task[], released: number) => void;

/** A gateway's pool of workers, as the shards see it. */
export interface TaskSink {
  /** Tasks of this type wait; pull when there is a place for them. May be called more often than needed. */
  demand(taskType: string): void;
  /** Ask the workers that hold these to stop; their (possibly cancelled) results are still wanted. */
  withdraw(tokens: readonly TaskToken[]): void;
  /**
   * Workers at another gateway have said that they have these. Whoever had them here and is gone has not lost them: it came
   * back there.
   */
  moved(tokens: readonly TaskToken[]): void;
  /** What shards know of attempts that workers announced. What nobody waits for is not among them. */
  owed(attempts: readonly OwedAttempt[]): void;
  /** Every attempt in workers' hands or about to be: asked by a shard that begins to serve and knows of none. */
  holding(): Iterable<HeldAttempt>;
}

/** An attempt in a worker's hands. */
export interface HeldAttempt extends TaskToken {
  /** Whether a shard has said what it is; else only its worker has. */
  readonly isKnown: boolean;
  /** Whether its worker is connected; else it may come back, here or by another gateway. */
  readonly isPresent: boolean;
}
