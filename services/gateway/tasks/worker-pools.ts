import { WorkerPool } from "./worker-pool.ts";

/** All pools, by the exact set of task types they serve, and by each type. */
export class WorkerPools {
  readonly #byTypes = new Map<string, WorkerPool>();
  readonly #byType = new Map<string, Set<WorkerPool>>();

  all(): Iterable<WorkerPool> {
    return this.#byTypes.values();
  }

  serving(taskType: string): Iterable<WorkerPool> {
    return this.#byType.get(taskType) ?? [];
  }

  /** The pool of exactly these types, made if need be. */
  of(taskTypes: readonly string[]): WorkerPool {
    const types = [...taskTypes].sort();
    const key = types.join(" ");
    const known = this.#byTypes.get(key);
    if (known !== undefined) return known;
    const pool = new WorkerPool(types);
    this.#byTypes.set(key, pool);
    for (const type of types) {
      const pools = this.#byType.get(type) ?? new Set();
      pools.add(pool);
      this.#byType.set(type, pools);
    }
    return pool;
  }

  /** Forgets a pool that has neither sessions nor tasks. */
  dropUnused(pool: WorkerPool): void {
    if (pool.sessions.length > 0 || pool.asked > 0 || pool.backlog.length > 0) return;
    this.#byTypes.delete(pool.taskTypes.join(" "));
    for (const type of pool.taskTypes) {
      const pools = this.#byType.get(type);
      pools?.delete(pool);
      if (pools?.size === 0) this.#byType.delete(type);
    }
  }
}
