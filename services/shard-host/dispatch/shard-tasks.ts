// A shard's tasks as gateways see them. It owns who is told of them; the tasks are in the memory of the time of service.
import type { HeldAttempt } from "@millrace/link/link.ts";
import type { Announced, LocalTasks, TaskHolder } from "@millrace/link/local-shard.ts";
import type { Task, TaskToken } from "@millrace/model/task.ts";
import type { Letter, Mailbox } from "../mailbox.ts";
import type { ShardMemory } from "../memory.ts";
import type { Serving } from "../serving.ts";
import { giveBackTasks, heldBy, holdTasks, releaseTasks } from "./held-tasks.ts";

export class ShardTasks implements LocalTasks {
  readonly holders = new Set<TaskHolder>();
  readonly #serving: () => Serving | null;
  readonly #mailbox: Mailbox;

  /** `serving`: the time of service there is now. */
  constructor(serving: () => Serving | null, mailbox: Mailbox) {
    this.#serving = serving;
    this.#mailbox = mailbox;
  }

  connect(holder: TaskHolder): () => void {
    this.holders.add(holder);
    return () => void this.holders.delete(holder);
  }

  tenantsWaiting(taskType: string): number {
    return this.#serving()?.memory.dispatch.tenantsWaiting(taskType) ?? 0;
  }

  demands(): ReadonlyMap<string, number> {
    return this.#serving()?.memory.dispatch.demands() ?? new Map();
  }

  pull(holder: TaskHolder, taskTypes: readonly string[], credits: number): Task[] {
    return this.#serving()?.memory.dispatch.pull(holder, taskTypes, credits) ?? [];
  }

  hold(
    holder: TaskHolder,
    attempts: readonly HeldAttempt[],
    isAll: boolean,
    answer: (announced: Announced) => void,
  ): void {
    const memory = this.#serving()?.memory;
    // What it takes from now on, it did not speak of.
    const had = isAll && memory !== undefined ? heldBy(memory, holder) : [];
    this.#whenQuiet((quiet, post) => answer(holdTasks(quiet, { holder, attempts, had }, post)));
  }

  giveBack(holder: TaskHolder, attempts: readonly TaskToken[]): void {
    this.#whenQuiet((memory, post) => giveBackTasks(memory, holder, attempts, post));
  }

  release(holder: TaskHolder): void {
    this.#whenQuiet((memory, post) => releaseTasks(memory, holder, post));
  }

  workersAreBack(): void {
    this.#whenQuiet(({ dispatch }) => dispatch.giveOut());
  }

  /** Acts with nothing decided that is not durable. Not at all when the shard stops serving before. */
  #whenQuiet(act: (memory: ShardMemory, post: (letter: Letter) => void) => void): void {
    const serving = this.#serving();
    serving?.loop.hold(() => {
      act(serving.memory, (letter) => this.#mailbox.push(letter));
      serving.memory.dispatch.announce();
    });
  }
}
