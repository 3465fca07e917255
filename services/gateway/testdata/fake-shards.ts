// The other side of the link for the gateway's own tests: queues, a list of what was handed in, answers on demand.
import type {
  Deliver,
  Envelope,
  ListPage,
  ListQuery,
  Origin,
  Reply,
  RunEnd,
  RunView,
  Shards,
  TaskSink,
  Watching,
} from "@millrace/link/link.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import type { RunId, TenantId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { Task, TaskToken } from "@millrace/model/task.ts";

export interface Handed {
  readonly origin: Origin;
  readonly envelope: Envelope;
}

interface Watcher {
  readonly changed: (view: RunView | Refusal) => void;
  isFree: boolean;
  isBehind: boolean;
}

export class FakeShards implements Shards {
  /** Everything handed in, in order. */
  readonly handed: Handed[] = [];
  /** Those who want to hear of no more ends. */
  readonly forgotten: Origin[] = [];
  /** Attempts that workers announced, and those nobody had after all. */
  readonly held: TaskToken[] = [];
  readonly givenBack: TaskToken[] = [];
  /** What waits for workers. */
  readonly queue: Task[] = [];
  readonly views = new Map<string, RunView>();
  readonly watchers = new Map<string, Set<Watcher>>();
  readonly lists: ListQuery[] = [];
  /** How many tasks a pull with so many credits gives at most. */
  shareOf: (credits: number) => number = (credits) => credits;
  page: ListPage = { runs: [], next: null };
  sink: TaskSink | undefined;
  /** Decides the answer to a command; undefined = none until `answer`. */
  reply: (envelope: Envelope) => Reply | undefined = done;

  submit(origin: Origin, batch: readonly Envelope[]): void {
    const replies: Reply[] = [];
    for (const envelope of batch) {
      this.handed.push({ origin, envelope });
      const reply = this.reply(envelope);
      if (reply !== undefined) replies.push(reply);
    }
    if (replies.length > 0) setImmediate(() => origin.replied(replies));
  }

  forget(origin: Origin): void {
    this.forgotten.push(origin);
  }

  /** Tells whoever started the run how it ended. */
  end(runId: RunId, end: Partial<RunEnd> = {}): void {
    for (const { origin, envelope } of this.handed) {
      if (envelope.command.type !== "start" || envelope.command.runId !== runId || !envelope.notifyEnd) continue;
      origin.ended([
        {
          ref: envelope.ref,
          runId,
          epoch: 1,
          status: "completed",
          output: envelope.command.input,
          failure: null,
          failedStep: "",
          endedMs: 1_767_225_600_000,
          ...end,
        },
      ]);
    }
  }

  run(_tenant: TenantId, runId: RunId, answer: (view: RunView | Refusal) => void): void {
    answer(this.views.get(runId) ?? refusal("RUN_NOT_FOUND", { field: "run_id" }));
  }

  list(query: ListQuery, answer: (page: ListPage | Refusal) => void): void {
    this.lists.push(query);
    answer(this.page);
  }

  watch(tenant: TenantId, runId: RunId, changed: (view: RunView | Refusal) => void): Watching {
    const watchers = this.watchers.get(runId) ?? new Set();
    this.watchers.set(runId, watchers);
    const watcher: Watcher = { changed, isFree: false, isBehind: false };
    watchers.add(watcher);
    this.run(tenant, runId, changed);
    return {
      taken: () => {
        watcher.isFree = true;
        if (watcher.isBehind) this.#tell(runId, watcher);
      },
      end: () => watchers.delete(watcher),
    };
  }

  /** The run is now like this; its watchers hear when they have taken what they were told before. */
  change(runId: RunId, view: RunView): void {
    this.views.set(runId, view);
    for (const watcher of this.watchers.get(runId) ?? []) {
      watcher.isBehind = true;
      if (watcher.isFree) this.#tell(runId, watcher);
    }
  }

  #tell(runId: RunId, watcher: Watcher): void {
    const view = this.views.get(runId);
    if (view === undefined) return;
    Object.assign(watcher, { isFree: false, isBehind: false });
    watcher.changed(view);
  }

  pull(taskTypes: readonly string[], credits: number, deliver: Deliver): void {
    const taken: Task[] = [];
    for (let i = 0; i < this.queue.length && taken.length < this.shareOf(credits); ) {
      const task = this.queue[i];
      if (task === undefined || !taskTypes.includes(task.taskType)) {
        i += 1;
        continue;
      }
      this.queue.splice(i, 1);
      taken.push(task);
    }
    deliver(taken, credits - taken.length);
  }

  hold(attempts: readonly TaskToken[]): void {
    this.held.push(...attempts);
    const names = new Set(attempts.map(nameOf));
    const taken = this.queue.filter((task) => names.has(nameOf(task)));
    this.queue.splice(0, Infinity, ...this.queue.filter((task) => !names.has(nameOf(task))));
    this.sink?.owed(taken);
  }

  giveBack(attempts: readonly TaskToken[]): void {
    this.givenBack.push(...attempts);
  }

  workersAreBack(): void {}

  connect(sink: TaskSink): void {
    this.sink = sink;
  }

  enqueue(...tasks: readonly Task[]): void {
    this.queue.push(...tasks);
    for (const type of new Set(tasks.map((task) => task.taskType))) this.sink?.demand(type);
  }
}

function nameOf({ runId, epoch, step, item, attempt }: TaskToken): string {
  return [runId, epoch, step, item, attempt].join("/");
}

/** Every command is done. */
export function done(envelope: Envelope): Reply {
  return { type: "done", ref: envelope.ref, runId: envelope.command.runId, repeated: false, epoch: 1 };
}
