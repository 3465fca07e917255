// Random histories: after every slice the store answers like a list of rows that is searched from end to end.

import type { RunId } from "@millrace/model/ids.ts";
import type { RunStatus } from "@millrace/model/run-state.ts";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { flush, type StorePlace, write } from "./conformance.ts";
import { happenings, slicesOf, tenantsOf, WORKFLOWS } from "./random-slices.ts";
import type { EndedRow, KeyRow, ListFilter, LiveRow, ShardRow, Slice, Store } from "./store.ts";

const STATUSES: readonly (RunStatus | null)[] = [null, "running", "paused", "completed", "failed", "terminated"];

/** The naive store: rows, in no order. */
export class RowModel {
  #rows: (LiveRow | EndedRow)[] = [];
  #keys: KeyRow[] = [];
  readonly #own = new Map<string, ShardRow>();

  apply({ live, ended, reopened, keys, rows }: Slice): void {
    const changed = new Set([...live, ...ended, ...reopened].map(({ runId }) => runId));
    this.#rows = [...this.#rows.filter(({ runId }) => !changed.has(runId)), ...live, ...ended];
    this.#keys = [...this.#keys, ...keys];
    for (const row of rows) this.#own.set(row.key, row);
  }

  /** Compares everything the store says of these tenants. */
  check(store: Store, tenants: ReturnType<typeof tenantsOf>): void {
    const own = new Set(this.#rows.map(({ runId }) => runId));
    const live = this.#rows.filter((row) => "index" in row);
    for (const row of this.#rows) {
      const stored = store.run(row.runId);
      expect(stored).toMatchObject({ position: row.position, ended: "endedMs" in row });
      expect(Buffer.compare(stored?.bytes ?? Buffer.alloc(0), row.bytes)).toBe(0);
    }
    for (const row of this.#keys) expect(store.key(row.tenant, row.key)).toEqual(row);
    for (const { key, position, bytes } of this.#own.values()) {
      const stored = store.row(key);
      expect(stored?.position).toBe(bytes === null ? undefined : position);
      if (bytes !== null) expect(Buffer.compare(stored?.bytes ?? Buffer.alloc(0), bytes)).toBe(0);
    }
    expect(store.liveRuns(null, 100_000).filter((id) => own.has(id))).toEqual(live.map(({ runId }) => runId).sort());
    const due = live
      .map(({ runId, tenant, index }) => ({ runId, tenant, dueMs: index.dueMs }))
      .filter(({ dueMs }) => dueMs > 0);
    due.sort((a, b) => a.dueMs - b.dueMs || (a.runId < b.runId ? -1 : 1));
    expect(store.timers(Number.MAX_SAFE_INTEGER, null, 100_000).filter(({ runId }) => own.has(runId))).toEqual(due);
    for (const tenant of tenants) {
      for (const workflow of [null, ...WORKFLOWS]) {
        for (const status of STATUSES) this.#checkList(store, { tenant, workflow, status, before: null, from: null });
      }
    }
  }

  #checkList(store: Store, filter: ListFilter): void {
    const all = this.#list(filter);
    expect(store.list(filter, all.length + 1)).toEqual(all);
    const before = all[Math.floor(all.length / 3)] ?? null;
    const from = all[Math.floor((all.length * 2) / 3)] ?? null;
    const bounded = { ...filter, before, from };
    expect(store.list(bounded, 4)).toEqual(this.#list(bounded).slice(0, 4));
  }

  #list({ tenant, workflow, status, before, from }: ListFilter): RunId[] {
    const matching = this.#rows.filter(
      (row) =>
        row.tenant === tenant &&
        (workflow === null || row.workflow === workflow) &&
        (status === null || status === ("index" in row ? row.index.status : row.status)) &&
        (before === null || row.runId < before) &&
        (from === null || row.runId >= from),
    );
    return matching
      .map(({ runId }) => runId)
      .sort()
      .reverse();
  }
}

export function modelConformance(name: string, place: () => Promise<StorePlace>): void {
  describe(`${name} store against a list of rows`, () => {
    let at: StorePlace;
    let store: Store;
    let space = 0;

    beforeAll(async () => {
      at = await place();
      store = await at.open();
    });
    afterAll(async () => {
      await store.close();
      await at.discard();
    });

    it("answers the same after every slice of any history, and when opened again", async () => {
      await fc.assert(
        fc.asyncProperty(happenings, async (history) => {
          space++;
          const model = new RowModel();
          for (const slice of slicesOf(space, history)) {
            expect(await write(store, slice)).toEqual({ type: "written" });
            model.apply(slice);
          }
          model.check(store, tenantsOf(space));
        }),
        { numRuns: 40 },
      );
      await fc.assert(
        fc.asyncProperty(happenings, async (history) => {
          space++;
          const model = new RowModel();
          for (const slice of slicesOf(space, history)) {
            await write(store, slice);
            model.apply(slice);
            model.check(store, tenantsOf(space));
          }
          expect(await flush(store)).toEqual({ type: "written" });
          await store.close();
          store = await at.open();
          model.check(store, tenantsOf(space));
        }),
        { numRuns: 3 },
      );
    });
  });
}
