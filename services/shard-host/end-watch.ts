// Who wants to hear of a run's end. In memory only: a caller whose node dies asks again with its idempotency key.
import type { Origin } from "@millrace/link/link.ts";
import type { RunId } from "@millrace/model/ids.ts";

export interface EndWatcher {
  readonly origin: Origin;
  readonly ref: number;
}

export class EndWatch {
  readonly #watchers = new Map<RunId, EndWatcher[]>();

  add(runId: RunId, origin: Origin, ref: number): void {
    const watchers = this.#watchers.get(runId);
    if (watchers === undefined) this.#watchers.set(runId, [{ origin, ref }]);
    else watchers.push({ origin, ref });
  }

  /** Those who wait for this run, who are then forgotten. */
  take(runId: RunId): readonly EndWatcher[] | undefined {
    const watchers = this.#watchers.get(runId);
    if (watchers !== undefined) this.#watchers.delete(runId);
    return watchers;
  }

  /** Forgets those whose calls are refused after all. */
  drop(calls: readonly { readonly origin: Origin | null; readonly ref: number }[]): void {
    const refs = new Map<Origin | null, Set<number>>();
    for (const { origin, ref } of calls) refs.set(origin, (refs.get(origin) ?? new Set()).add(ref));
    for (const [runId, watchers] of this.#watchers) {
      const left = watchers.filter(({ origin, ref }) => refs.get(origin)?.has(ref) !== true);
      if (left.length === 0) this.#watchers.delete(runId);
      else if (left.length < watchers.length) this.#watchers.set(runId, left);
    }
  }

  /** Runs somebody waits for. */
  runs(): RunId[] {
    return [...this.#watchers.keys()];
  }
}
