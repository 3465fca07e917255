// A node: shards by slot range behind one face. Gateways talk to it through the link.
import { slotOfRun } from "@millrace/core/run-id.ts";
import { shareCredits } from "@millrace/link/credits.ts";
import type {
  Deliver,
  Envelope,
  HeldAttempt,
  ListPage,
  ListQuery,
  Origin,
  RunView,
  Shards,
  TaskSink,
  Watching,
} from "@millrace/link/link.ts";
import type { Announced } from "@millrace/link/local-shard.ts";
import { mergedPage } from "@millrace/link/merged-page.ts";
import { type RunId, SLOT_COUNT, type TenantId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { Task, TaskToken } from "@millrace/model/task.ts";
import type { Shard } from "./shard.ts";
import type { Changed } from "./watches.ts";

export class Node implements Shards {
  readonly shards: readonly Shard[];
  #sink: TaskSink | null = null;
  /** Whether those who had attempts when an earlier process ended had the time to announce them. */
  #workersAreBack = false;
  /** The shards, and what the sharing of credits owes them. */
  #sharers: readonly { readonly shard: Shard; readonly owed: number }[];

  /** Shards in the order of their slot ranges, which are equal. */
  constructor(shards: readonly Shard[]) {
    this.shards = shards;
    this.#sharers = shards.map((shard) => ({ shard, owed: 0 }));
  }

  /** Opens all shards side by side. Rejects if any cannot be opened. */
  async open(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.open()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.stop()));
  }

  submit(origin: Origin, batch: readonly Envelope[]): void {
    const touched = new Set<Shard>();
    for (const envelope of batch) {
      const shard = this.#shardOf(envelope.command.runId);
      shard.submit(origin, envelope);
      touched.add(shard);
    }
    for (const shard of touched) shard.wake();
  }

  forget(origin: Origin): void {
    for (const shard of this.shards) shard.forget(origin);
  }

  run(tenant: TenantId, runId: RunId, answer: (view: RunView | Refusal) => void): void {
    this.#shardOf(runId).run(tenant, runId, answer);
  }

  /** Asks every shard and merges: each page is sorted, newest first. */
  list(query: ListQuery, answer: (page: ListPage | Refusal) => void): void {
    const pages: ListPage[] = [];
    let refused = false;
    for (const shard of this.shards)
      shard.list(query, (page) => {
        if (refused) return;
        if ("code" in page) {
          refused = true;
          answer(page);
          return;
        }
        pages.push(page);
        if (pages.length === this.shards.length) answer(mergedPage(pages, query.limit));
      });
  }

  watch(tenant: TenantId, runId: RunId, changed: Changed): Watching {
    return this.#shardOf(runId).watch(tenant, runId, changed);
  }

  pull(taskTypes: readonly string[], credits: number, deliver: Deliver): void {
    const sink = this.#sink;
    if (sink === null) return deliver([], credits);
    const sharers = this.#sharers.map(({ shard, owed }) => {
      const tenants = taskTypes.reduce((sum, type) => sum + shard.tasks.tenantsWaiting(type), 0);
      return { shard, tenants, owed };
    });
    this.#sharers = sharers;
    const shares = shareCredits(sharers, credits);
    const tasks: Task[] = [];
    for (const [index, { shard }] of sharers.entries()) {
      const share = shares[index] ?? 0;
      if (share > 0) tasks.push(...shard.tasks.pull(sink, taskTypes, share));
    }
    // Where few tenants wait there may be many tasks: they get what the others had no task for.
    for (const { shard, tenants } of sharers) {
      const left = credits - tasks.length;
      if (tenants > 0 && left > 0) tasks.push(...shard.tasks.pull(sink, taskTypes, left));
    }
    deliver(tasks, credits - tasks.length);
  }

  hold(attempts: readonly TaskToken[]): void {
    for (const [shard, theirs] of this.#byShard(attempts))
      this.#hold(
        shard,
        theirs.map((attempt) => ({ ...attempt, isKnown: false, isPresent: true })),
        false,
      );
  }

  giveBack(attempts: readonly TaskToken[]): void {
    const sink = this.#sink;
    if (sink === null) return;
    for (const [shard, theirs] of this.#byShard(attempts)) shard.tasks.giveBack(sink, theirs);
  }

  workersAreBack(): void {
    this.#workersAreBack = true;
    for (const shard of this.shards) shard.tasks.workersAreBack();
  }

  /** Whether there is such a run; undefined = cannot be said now. */
  knows(runId: RunId): boolean | undefined {
    return this.#shardOf(runId).knows(runId);
  }

  connect(sink: TaskSink): void {
    this.#sink = sink;
    for (const shard of this.shards) {
      shard.tasks.connect(sink);
      shard.onTerm(() => this.#tellHeld(shard, sink));
    }
  }

  /** A shard that begins to serve knows nothing of what workers have in their hands. */
  #tellHeld(shard: Shard, sink: TaskSink): void {
    const held = [...sink.holding()].filter(({ runId }) => this.#shardOf(runId) === shard);
    this.#hold(shard, held, true);
    // Nobody but this one gateway has any.
    if (this.#workersAreBack) shard.tasks.workersAreBack();
  }

  #hold(shard: Shard, attempts: readonly HeldAttempt[], isAll: boolean): void {
    const sink = this.#sink;
    if (sink === null) return;
    shard.tasks.hold(sink, attempts, isAll, ({ owed, unwanted, elsewhere }: Announced) => {
      sink.owed(owed);
      sink.withdraw(unwanted);
      sink.moved(elsewhere);
    });
  }

  #byShard(attempts: readonly TaskToken[]): Map<Shard, TaskToken[]> {
    return Map.groupBy(attempts, ({ runId }) => this.#shardOf(runId));
  }

  #shardOf(runId: RunId): Shard {
    const shard = this.shards[Math.floor((slotOfRun(runId) * this.shards.length) / SLOT_COUNT)];
    if (shard === undefined) throw new Error(`Run ${runId} has no slot.`);
    return shard;
  }
}
