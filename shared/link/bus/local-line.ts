// The way to a shard in this very process: calls, no frames. Always up.
import type { RunId, TenantId, Term } from "@millrace/model/ids.ts";
import type { ShardCommand } from "@millrace/model/run-commands.ts";
import type { TaskToken } from "@millrace/model/task.ts";
import type { HeldAttempt, ListQuery, Origin, Reply, RunEnd, Watching } from "../link.ts";
import type { LocalShard, TaskHolder } from "../local-shard.ts";
import type { Line, LineEvents } from "./line.ts";

/** A watch, whose first state may come before the shard has handed over how to go on. */
interface LocalWatch {
  watching: Watching | null;
  isTaken: boolean;
  isOver: boolean;
}

export class LocalLine implements Line, Origin, TaskHolder {
  readonly #shard: LocalShard;
  readonly #events: LineEvents;
  readonly #watches = new Map<number, LocalWatch>();
  /** Task types whose last pull left credits over: nothing to give until the shard has news. */
  readonly #empty = new Set<string>();
  readonly #disconnect: readonly (() => void)[];
  #isClosed = false;

  constructor(shard: LocalShard, events: LineEvents) {
    this.#shard = shard;
    this.#events = events;
    this.#disconnect = [shard.tasks.connect(this), shard.onTerm((_term: Term) => events.tasks.askHolding())];
  }

  get isUp(): boolean {
    return !this.#isClosed;
  }

  submit(ref: number, command: ShardCommand, notifyEnd: boolean): void {
    this.#shard.submit(this, { ref, command, notifyEnd });
    this.#shard.wake();
  }

  run(ref: number, tenant: TenantId, runId: RunId): void {
    this.#shard.run(tenant, runId, (answer) => {
      if (!this.#isClosed) this.#events.ran(ref, answer);
    });
  }

  list(ref: number, query: ListQuery): void {
    this.#shard.list(query, (answer) => {
      if (!this.#isClosed) this.#events.listed(ref, answer);
    });
  }

  watch(ref: number, tenant: TenantId, runId: RunId): void {
    this.unwatch(ref);
    const watch: LocalWatch = { watching: null, isTaken: false, isOver: false };
    this.#watches.set(ref, watch);
    watch.watching = this.#shard.watch(tenant, runId, (answer) => {
      if (!watch.isOver) this.#events.changed(ref, answer);
    });
    if (watch.isOver) watch.watching.end();
    else if (watch.isTaken) watch.watching.taken();
  }

  taken(ref: number): void {
    const watch = this.#watches.get(ref);
    if (watch === undefined) return;
    if (watch.watching === null) watch.isTaken = true;
    else watch.watching.taken();
  }

  unwatch(ref: number): void {
    const watch = this.#watches.get(ref);
    if (watch === undefined) return;
    this.#watches.delete(ref);
    watch.isOver = true;
    watch.watching?.end();
  }

  follow(ref: number, runId: RunId): void {
    this.#shard.follow(this, ref, runId);
  }

  unfollow(ref: number, runId: RunId): void {
    this.#shard.unfollow(this, ref, runId);
  }

  tenantsWaiting(taskType: string): number {
    return this.#empty.has(taskType) ? 0 : this.#shard.tasks.tenantsWaiting(taskType);
  }

  pull(ref: number, taskTypes: readonly string[], credits: number): void {
    const tasks = this.#shard.tasks.pull(this, taskTypes, credits);
    if (tasks.length < credits) for (const taskType of taskTypes) this.#empty.add(taskType);
    this.#events.tasks.pulled(ref, tasks, credits - tasks.length);
  }

  hold(attempts: readonly HeldAttempt[], isAll: boolean): void {
    this.#shard.tasks.hold(this, attempts, isAll, ({ owed, unwanted, elsewhere }) => {
      if (this.#isClosed) return;
      this.#events.tasks.owed(owed);
      this.#events.tasks.withdraw(unwanted);
      this.#events.tasks.moved(elsewhere);
    });
  }

  giveBack(attempts: readonly TaskToken[]): void {
    this.#shard.tasks.giveBack(this, attempts);
  }

  tick(): void {}

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const disconnect of this.#disconnect) disconnect();
    for (const ref of [...this.#watches.keys()]) this.unwatch(ref);
    this.#shard.forget(this);
  }

  // What the shard says.

  replied(replies: readonly Reply[]): void {
    const known = this.#isClosed ? replies.filter(({ type }) => type === "done") : replies;
    if (known.length > 0) this.#events.replied(known, this.#isClosed);
  }

  ended(ends: readonly RunEnd[]): void {
    this.#events.ended(ends);
  }

  demand(taskType: string): void {
    this.#empty.delete(taskType);
    this.#events.tasks.demand(taskType);
  }

  withdraw(tokens: readonly TaskToken[]): void {
    this.#events.tasks.withdraw(tokens);
  }

  moved(tokens: readonly TaskToken[]): void {
    this.#events.tasks.moved(tokens);
  }
}
