// A node: shards by slot range behind one face. Gateways talk to it through the link.
import { slotOfRun } from "@millrace/core/run-id.ts";
import type {
  Envelope,
  ListPage,
  ListQuery,
  Origin,
  RunView,
  Shards,
  TaskSink,
  Watching,
} from "@millrace/link/link.ts";
import { type RunId, SLOT_COUNT, type TenantId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { OwedAttempt, Task, TaskToken } from "@millrace/model/task.ts";
import type { Shard } from "./shard.ts";
import type { Changed } from "./watches.ts";

export class Node implements Shards {
  readonly shards: readonly Shard[];
  /** The shard that is asked first at the next pull, so that none is always last. */
  #first = 0;

  /** Shards in the order of their slot ranges, which are equal. */
  constructor(shards: readonly Shard[]) {
    this.shards = shards;
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
        if (pages.length === this.shards.length) answer(merged(pages, query.limit));
      });
  }

  watch(tenant: TenantId, runId: RunId, changed: Changed): Watching {
    return this.#shardOf(runId).watch(tenant, runId, changed);
  }

  pull(taskTypes: readonly string[], credits: number, deliver: (tasks: Task[]) => void): void {
    const tasks: Task[] = [];
    const count = this.shards.length;
    this.#first = (this.#first + 1) % count;
    for (let asked = 0; asked < count && tasks.length < credits; asked++) {
      const shard = this.shards[(this.#first + asked) % count];
      // Each takes its share of what is left, so that shards share credits as tenants do within one.
      const share = Math.ceil((credits - tasks.length) / (count - asked));
      if (shard !== undefined) tasks.push(...shard.pull(taskTypes, share));
    }
    deliver(tasks);
  }

  holding(tokens: readonly TaskToken[], owed: (attempts: readonly OwedAttempt[]) => void): void {
    const byShard = Map.groupBy(tokens, ({ runId }) => this.#shardOf(runId));
    owed([...byShard].flatMap(([shard, announced]) => shard.holding(announced)));
  }

  workersAreBack(): void {
    for (const shard of this.shards) shard.workersAreBack();
  }

  /** Whether there is such a run; undefined = cannot be said now. */
  knows(runId: RunId): boolean | undefined {
    return this.#shardOf(runId).knows(runId);
  }

  connect(sink: TaskSink): void {
    for (const shard of this.shards) shard.connect(sink);
  }

  #shardOf(runId: RunId): Shard {
    const shard = this.shards[Math.floor((slotOfRun(runId) * this.shards.length) / SLOT_COUNT)];
    if (shard === undefined) throw new Error(`Run ${runId} has no slot.`);
    return shard;
  }
}

/** The pages as one. A page that goes on says nothing of older runs, so none of those is listed yet. */
function merged(pages: readonly ListPage[], limit: number): ListPage {
  const oldest = pages.reduce<RunId | null>(
    (id, { next }) => (next !== null && (id === null || next > id) ? next : id),
    null,
  );
  const sorted = pages
    .flatMap((page) => page.runs)
    .filter(({ runId }) => oldest === null || runId >= oldest)
    .toSorted((a, b) => (a.runId < b.runId ? 1 : -1));
  const runs = sorted.slice(0, limit);
  if (sorted.length > limit) return { runs, next: runs.at(-1)?.runId ?? null };
  return { runs, next: oldest };
}
