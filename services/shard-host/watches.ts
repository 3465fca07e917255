// Standing orders for a run's changes. A watcher is told at most once a durable turn; what happens in between is folded.
import type { RunView } from "@millrace/link/link.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";

export type Changed = (view: RunView | Refusal) => void;

export class Watches {
  readonly #watchers = new Map<RunId, Set<Changed>>();

  has(runId: RunId): boolean {
    return this.#watchers.has(runId);
  }

  add(runId: RunId, changed: Changed): void {
    const watchers = this.#watchers.get(runId);
    if (watchers === undefined) this.#watchers.set(runId, new Set([changed]));
    else watchers.add(changed);
  }

  remove(runId: RunId, changed: Changed): void {
    const watchers = this.#watchers.get(runId);
    watchers?.delete(changed);
    if (watchers?.size === 0) this.#watchers.delete(runId);
  }

  /** Whether this watcher still listens. */
  heard(runId: RunId, changed: Changed): boolean {
    return this.#watchers.get(runId)?.has(changed) === true;
  }

  /** Tells those who watch a run. */
  tell(runId: RunId, view: RunView | Refusal): void {
    const watchers = this.#watchers.get(runId);
    if (watchers !== undefined) for (const changed of [...watchers]) changed(view);
  }

  /** Runs somebody watches. */
  runs(): RunId[] {
    return [...this.#watchers.keys()];
  }
}
