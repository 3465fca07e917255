// Who wants to hear of a run's end. In memory only: a caller whose node dies asks again with its idempotency key.
import type { Origin } from "@millrace/link/link.ts";
import type { RunId } from "@millrace/model/ids.ts";

export interface EndWatcher {
  readonly origin: Origin;
  readonly ref: number;
}

/** Going through all watchers is put off until this many origins have gone. */
const GONE_MAX = 1024;

export class EndWatch {
  readonly #watchers = new Map<RunId, EndWatcher[]>();
  /** Origins that are gone and may still stand among the watchers. */
  readonly #gone = new Set<Origin>();

  add(runId: RunId, origin: Origin, ref: number): void {
    const watchers = this.#watchers.get(runId);
    if (watchers === undefined) this.#watchers.set(runId, [{ origin, ref }]);
    else this.#watchers.set(runId, [...watchers.filter(this.#isThere), { origin, ref }]);
  }

  /** One of them waits no more. */
  remove(runId: RunId, origin: Origin, ref: number): void {
    const watchers = this.#watchers.get(runId);
    if (watchers === undefined) return;
    this.#keep(
      runId,
      watchers.filter((watcher) => watcher.origin !== origin || watcher.ref !== ref),
    );
  }

  /** Those who wait for this run, who are then forgotten. */
  take(runId: RunId): readonly EndWatcher[] | undefined {
    const watchers = this.#watchers.get(runId);
    if (watchers === undefined) return undefined;
    this.#watchers.delete(runId);
    return this.#gone.size === 0 ? watchers : watchers.filter(this.#isThere);
  }

  /** Forgets those whose calls are refused after all. */
  drop(calls: readonly { readonly origin: Origin | null; readonly ref: number }[]): void {
    const refs = new Map<Origin | null, Set<number>>();
    for (const { origin, ref } of calls) refs.set(origin, (refs.get(origin) ?? new Set()).add(ref));
    for (const [runId, watchers] of this.#watchers) {
      this.#keep(
        runId,
        watchers.filter(({ origin, ref }) => refs.get(origin)?.has(ref) !== true),
      );
    }
  }

  /** An origin is gone. What it waited for is taken out with the next look at each run, or when many have gone. */
  forget(origin: Origin): void {
    this.#gone.add(origin);
    if (this.#gone.size < GONE_MAX) return;
    for (const [runId, watchers] of this.#watchers) this.#keep(runId, watchers.filter(this.#isThere));
    this.#gone.clear();
  }

  /** Runs somebody waits for. */
  runs(): RunId[] {
    return [...this.#watchers.keys()];
  }

  readonly #isThere = ({ origin }: EndWatcher): boolean => !this.#gone.has(origin);

  #keep(runId: RunId, watchers: EndWatcher[]): void {
    if (watchers.length === 0) this.#watchers.delete(runId);
    else this.#watchers.set(runId, watchers);
  }
}
