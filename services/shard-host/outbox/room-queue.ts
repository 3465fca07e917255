// Runs that would order children and wait until there is room for messages. They wait outside memory when they can: else
// they would take the room of the very children whose starts wait, and nothing would ever move again (I9).
import { tasksOpen } from "@millrace/core/run/resume.ts";
import type { RunId, TenantId } from "@millrace/model/ids.ts";
import type { Actor, Actors } from "../actors.ts";

interface Waiting {
  readonly runId: RunId;
  readonly tenant: TenantId;
  /** When it is to be looked at all the same: of a run that left memory the store knows only that it is owed something. */
  dueMs: number;
}

export class RoomQueue {
  readonly #waiting = new Map<RunId, Waiting>();
  /** Runs in memory that were told to wait, and have not been let go since. */
  #arrived: Actor[] = [];

  /** Lets a run wait; {@link rest} follows. */
  push(actor: Actor): void {
    const { runId, tenant } = actor;
    if (!this.#waiting.has(runId)) this.#waiting.set(runId, { runId, tenant, dueMs: 0 });
    this.#arrived.push(actor);
  }

  /** Lets those that were told to wait leave memory, if it loses nothing. */
  rest(actors: Actors): void {
    if (this.#arrived.length === 0) return;
    const arrived = this.#arrived;
    this.#arrived = [];
    for (const actor of arrived) this.restOne(actors, actor);
  }

  /** Lets a run leave memory if it waits, the store holds it as it is, and no worker has a task of it. */
  restOne(actors: Actors, actor: Actor): void {
    const waiting = this.#waiting.get(actor.runId);
    if (waiting === undefined || tasksOpen(actor.run) > 0 || !actors.restOwed(actor)) return;
    const { armedMs } = actor;
    if (armedMs > 0 && (waiting.dueMs === 0 || armedMs < waiting.dueMs)) waiting.dueMs = armedMs;
  }

  /** Takes at most `limit` runs, longest waiting first. */
  take(limit: number): Waiting[] {
    const taken: Waiting[] = [];
    for (const waiting of this.#waiting.values()) {
      if (taken.length === limit) break;
      taken.push(waiting);
    }
    for (const { runId } of taken) this.#waiting.delete(runId);
    return taken;
  }

  /** Runs to be looked at later than `fromMs`. */
  *dueAfter(fromMs: number): Generator<Waiting> {
    for (const waiting of this.#waiting.values()) if (waiting.dueMs > fromMs) yield waiting;
  }
}
