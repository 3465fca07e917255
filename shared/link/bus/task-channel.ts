// A channel's tasks: credits on their way to the shard, and what workers of this gateway have of it.
import type { RunId } from "@millrace/model/ids.ts";
import type { OwedAttempt, Task, TaskToken } from "@millrace/model/task.ts";
import type { Deliver, HeldAttempt, TaskSink } from "../link.ts";
import type { Line, TaskEvents } from "./line.ts";
import { Pulls } from "./pulls.ts";

export interface TaskChannelParts {
  /** The gateway's tasks; null while it has not said where. */
  readonly sink: () => TaskSink | null;
  /** Whether a run belongs to the shard by now. */
  readonly isHere: (runId: RunId) => boolean;
  /** Attempts whose results are on their way. */
  readonly reported: () => readonly TaskToken[];
  /** The way to the shard's owner; null while it is not up. */
  readonly line: () => Line | null;
  readonly nextRef: () => number;
  readonly nowMs: () => number;
}

export class TaskChannel implements TaskEvents {
  readonly #parts: TaskChannelParts;
  readonly #pulls = new Pulls();

  constructor(parts: TaskChannelParts) {
    this.#parts = parts;
  }

  /** How many tenants have tasks of these types waiting, as far as is known; none where credits have been kept for long. */
  tenantsWaiting(taskTypes: readonly string[]): number {
    const line = this.#parts.line();
    if (line === null || this.#pulls.isLate) return 0;
    return taskTypes.reduce((sum, type) => sum + line.tenantsWaiting(type), 0);
  }

  pull(taskTypes: readonly string[], credits: number, deliver: Deliver): void {
    const line = this.#parts.line();
    if (line === null) return deliver([], credits);
    const ref = this.#parts.nextRef();
    this.#pulls.add(ref, credits, this.#parts.nowMs(), deliver);
    line.pull(ref, taskTypes, credits);
  }

  hold(attempts: readonly TaskToken[]): void {
    const held = attempts.map((attempt) => ({ ...attempt, isKnown: false, isPresent: true }));
    this.#parts.line()?.hold(held, false);
  }

  giveBack(attempts: readonly TaskToken[]): void {
    // Without a line this waits for the next one, which is told what is held and nothing else.
    this.#parts.line()?.giveBack(attempts);
  }

  has(ref: number): boolean {
    return this.#pulls.has(ref);
  }

  tick(nowMs: number): void {
    this.#pulls.expire(nowMs);
  }

  /** The line is down: no pull will be answered. */
  down(): void {
    this.#pulls.clear();
  }

  askHolding(): void {
    const { sink, isHere, reported, line } = this.#parts;
    const held: HeldAttempt[] = [...(sink()?.holding() ?? [])].filter(({ runId }) => isHere(runId));
    // What is reported is not to be made by somebody else meanwhile.
    for (const token of reported()) held.push({ ...token, isKnown: true, isPresent: true });
    line()?.hold(held, true);
  }

  pulled(ref: number, tasks: readonly Task[], released: number): void {
    const back = this.#pulls.answered(ref, tasks, released);
    if (back.length > 0) this.giveBack(back);
  }

  demand(taskType: string): void {
    this.#parts.sink()?.demand(taskType);
  }

  withdraw(tokens: readonly TaskToken[]): void {
    this.#parts.sink()?.withdraw(tokens);
  }

  moved(tokens: readonly TaskToken[]): void {
    this.#parts.sink()?.moved(tokens);
  }

  owed(attempts: readonly OwedAttempt[]): void {
    this.#parts.sink()?.owed(attempts);
  }
}
