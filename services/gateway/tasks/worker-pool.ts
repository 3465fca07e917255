import type { Task } from "@millrace/model/task.ts";
import type { WorkerSession } from "./worker-session.ts";

/** Tasks asked for in one turn of the event loop: about 10 ms of work here and on the wire. */
const PULL_TASKS_MAX = 2_048;

/** The sessions that serve exactly the same task types, and what is known of the demand for these. */
export class WorkerPool {
  readonly taskTypes: readonly string[];
  readonly sessions: WorkerSession[] = [];
  /** Whether tasks may wait at the shards that no pull under way has asked for. */
  waiting = true;
  /** Credits that pulls under way were given: they are spoken for. */
  asked = 0;
  /** Tasks pulled for sessions that have left since; bounded by the credits these had. */
  backlog: Task[] = [];
  /** Monotonic ms when the backlog came to be. */
  backlogSinceMs = 0;
  #first = 0;

  constructor(taskTypes: readonly string[]) {
    this.taskTypes = taskTypes;
  }

  /** How many tasks its sessions would take now. */
  free(): number {
    let free = 0;
    for (const session of this.sessions) free += session.free();
    return free;
  }

  /** Gives free credits to a pull: they are spoken for until it was answered. 0 = there is no need. */
  ask(): number {
    const credits = this.waiting ? Math.min(this.free() - this.asked, PULL_TASKS_MAX) : 0;
    if (credits <= 0) return 0;
    this.asked += credits;
    this.waiting = false;
    return credits;
  }

  /**
   * Deals tasks out in proportion to free credits, never more to a session than it has. Roundings fall to another
   * session each time. Returns how many were placed, from the front.
   */
  share(tasks: readonly Task[], hand: (session: WorkerSession, task: Task) => void): number {
    const free = this.free();
    const placeable = Math.min(tasks.length, free);
    const count = this.sessions.length;
    let seen = 0;
    let placed = 0;
    for (let i = 0; i < count && placed < placeable; i++) {
      const session = this.sessions[(this.#first + i) % count];
      if (session === undefined) break;
      seen += session.free();
      // seen/free of all tasks belong to the sessions so far; as placeable ≤ free, nobody's part exceeds its credits.
      const upTo = Math.floor((seen * placeable) / free);
      for (; placed < upTo; placed++) {
        const task = tasks[placed];
        if (task !== undefined) hand(session, task);
      }
    }
    if (count > 0) this.#first = (this.#first + 1) % count;
    return placed;
  }
}
