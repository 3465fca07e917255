// The way from a channel to whoever owns its shard: over the bus, or directly when that is this very process.
import type { RunId, TenantId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { ShardCommand } from "@millrace/model/run-commands.ts";
import type { OwedAttempt, Task, TaskToken } from "@millrace/model/task.ts";
import type { HeldAttempt, ListPage, ListQuery, Reply, RunEnd, RunView } from "../link.ts";

/** Takes what a channel has to say; the numbers are the channel's. Nothing may be said while it is not up. */
export interface Line {
  /** Whether somebody listens who, as far as is known, owns the shard. */
  readonly isUp: boolean;
  submit(ref: number, command: ShardCommand, notifyEnd: boolean): void;
  run(ref: number, tenant: TenantId, runId: RunId): void;
  list(ref: number, query: ListQuery): void;
  watch(ref: number, tenant: TenantId, runId: RunId): void;
  /** The last state of this watch is dealt with. */
  taken(ref: number): void;
  unwatch(ref: number): void;
  follow(ref: number, runId: RunId): void;
  unfollow(ref: number, runId: RunId): void;
  /** How many tenants have tasks of this type waiting, as far as is known; 0 while it is not up. */
  tenantsWaiting(taskType: string): number;
  pull(ref: number, taskTypes: readonly string[], credits: number): void;
  /** Workers have these attempts; with `isAll` no others. */
  hold(attempts: readonly HeldAttempt[], isAll: boolean): void;
  giveBack(attempts: readonly TaskToken[]): void;
  tick(nowMs: number): void;
  /** Ends it. What was answered to it and is a fact all the same (done, ended) is still told. */
  close(): void;
}

/** What a channel hears of its line. */
export interface LineEvents {
  /** Somebody owns the shard, who knows nothing of this channel: everything open is to be said again. */
  up(): void;
  /** Nobody is known to. What is under way may have been heard or not. */
  down(): void;
  /** The run a command named; undefined = it needs no answer any more. */
  runOf(ref: number): RunId | undefined;
  /** `isLate`: an earlier owner's answer, or one of an ended session; then nothing but what was done. */
  replied(replies: readonly Reply[], isLate: boolean): void;
  ended(ends: readonly RunEnd[]): void;
  ran(ref: number, answer: RunView | Refusal): void;
  listed(ref: number, answer: ListPage | Refusal): void;
  changed(ref: number, answer: RunView | Refusal): void;
  readonly tasks: TaskEvents;
}

/** … about tasks. */
export interface TaskEvents {
  /** The shard has begun to serve and asks what is held. */
  askHolding(): void;
  pulled(ref: number, tasks: readonly Task[], released: number): void;
  demand(taskType: string): void;
  withdraw(tokens: readonly TaskToken[]): void;
  moved(tokens: readonly TaskToken[]): void;
  owed(attempts: readonly OwedAttempt[]): void;
}
