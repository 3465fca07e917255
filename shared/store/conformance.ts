// What every store must do. An adapter's test calls `storeConformance` with a way to open, and open again, one place.

import { position, type RunId, runId, tenantId, term, workflowName } from "@millrace/model/ids.ts";
import type { EndStatus, LiveStatus } from "@millrace/model/run-state.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type CheckpointMeta,
  type EndedRow,
  KEY_RETENTION_MS,
  type KeyRow,
  type ListFilter,
  type LiveIndex,
  type LiveRow,
  PERIOD_MS,
  RETENTION_MS,
  ROW_KEY_CHARACTERS_MAX,
  type Slice,
  type SliceOutcome,
  type Store,
  type StoredRow,
} from "./store.ts";

/** A place that keeps what a store wrote when the store is closed and opened again. */
export interface StorePlace {
  open(): Promise<Store>;
  discard(): Promise<void>;
}

export const TENANT = tenantId("acme");
export const WORKFLOW = workflowName("order-paid");
/** The first instant of a UTC day, so that tests know where periods end. */
export const DAY_MS = 20_000 * PERIOD_MS;

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** A run ID that begins with this start time and ends with this serial number. */
export function runAt(startedMs: number, serial = 0): RunId {
  return runId(base32(startedMs, 9) + base32(serial, 11));
}

function base32(value: number, chars: number): string {
  let text = "";
  for (let rest = value, i = 0; i < chars; i++, rest = Math.floor(rest / 32)) text = ALPHABET.charAt(rest % 32) + text;
  return text;
}

export function liveRow(id: RunId, index: LiveIndex, change: Partial<LiveRow> = {}): LiveRow {
  const bytes = Buffer.from(`live ${id}`);
  return {
    runId: id,
    tenant: TENANT,
    workflow: WORKFLOW,
    index,
    previous: null,
    position: position(1),
    bytes,
    ...change,
  };
}

export function endedRow(id: RunId, change: Partial<EndedRow> = {}): EndedRow {
  return {
    runId: id,
    tenant: TENANT,
    workflow: WORKFLOW,
    status: "completed",
    endedMs: DAY_MS,
    previous: null,
    position: position(2),
    bytes: Buffer.from(`ended ${id}`),
    ...change,
  };
}

export function keyRow(key: string, id: RunId, startedMs: number): KeyRow {
  return { tenant: TENANT, key, runId: id, inputHash: `hash of ${key}`, startedMs };
}

export function slice(change: Partial<Slice>): Slice {
  return { live: [], reopened: [], ended: [], keys: [], rows: [], meta: null, ...change };
}

export function metaAt(at: number): CheckpointMeta {
  return {
    position: position(at),
    chain: 0xfedc_ba98,
    term: term(3),
    timeMs: DAY_MS + at,
  };
}

/** The shard's own rows under a prefix, as texts. */
export function rowsIn(store: Store, prefix: string): { key: string; reflects: number; text: string }[] {
  const rows: { key: string; reflects: number; text: string }[] = [];
  store.rows(prefix, (row) => rows.push(plain(row)));
  return rows;
}

/** A row of the shard's own. */
export function shardRow(key: string, at: number, body: string) {
  return { key, position: position(at), bytes: Buffer.from(body) };
}

export function write(store: Store, change: Partial<Slice>): Promise<SliceOutcome> {
  return new Promise((resolve) => store.write(slice(change), resolve));
}

export function flush(store: Store): Promise<SliceOutcome> {
  return new Promise((resolve) => store.flush(resolve));
}

export function filter(change: Partial<ListFilter> = {}): ListFilter {
  return { tenant: TENANT, workflow: null, status: null, before: null, from: null, ...change };
}

const index = (status: LiveStatus, dueMs = 0): LiveIndex => ({ status, dueMs });
const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString();

const plain = ({ key, position: reflects, bytes }: StoredRow) => ({
  key,
  reflects,
  text: Buffer.from(bytes).toString(),
});

export function storeConformance(name: string, place: () => Promise<StorePlace>): void {
  describe(`${name} store`, () => {
    let at: StorePlace;
    let store: Store;
    let serial = 0;
    /** A run nobody else in this suite has, started at an instant of the first day. */
    const aRun = (): RunId => runAt(DAY_MS + ++serial * 1000, serial);
    /** Tenants keep the tests of this suite apart. */
    const aTenant = () => tenantId(`tenant-${++serial}`);

    beforeAll(async () => {
      at = await place();
      store = await at.open();
    });
    afterAll(async () => {
      await store.close();
      await at.discard();
    });
    const reopen = async (): Promise<void> => {
      await store.close();
      store = await at.open();
    };

    it("is empty at first", () => {
      expect(store.meta()).toBeNull();
      expect(store.aheadTo()).toBe(0);
      expect(store.run(aRun())).toBeUndefined();
      expect(store.key(TENANT, "none")).toBeUndefined();
      expect(store.timers(Number.MAX_SAFE_INTEGER, null, 10)).toEqual([]);
      expect(store.list(filter(), 10)).toEqual([]);
      expect(store.liveRuns(null, 10)).toEqual([]);
      expect(store.row("none")).toBeUndefined();
      expect(rowsIn(store, "")).toEqual([]);
    });

    it("keeps rows of the shard's own for ever, large or small, written once or again", async () => {
      const texts = ["small", `large ${"definition ".repeat(25_000)}`, "of another slice"];
      const rows = texts.map((body, i) => shardRow(`definition/t/w-${i}@1`, i + 1, body));
      await write(store, { rows: rows.slice(0, 2) });
      await write(store, { rows: rows.slice(1) });
      expect(rowsIn(store, "definition/")).toEqual(rows.map(plain));
      await store.retain(DAY_MS + 1_000 * PERIOD_MS);
      await reopen();
      expect(rowsIn(store, "definition/")).toEqual(rows.map(plain));
    });

    it("gives back live and ended runs with their positions, also when opened again", async () => {
      const [live, ended, big] = [aRun(), aRun(), aRun()];
      const bytes = Buffer.alloc(300_000, "a large state ");
      const outcome = await write(store, {
        live: [liveRow(live, index("running"), { position: position(7) }), liveRow(big, index("running"), { bytes })],
        ended: [endedRow(ended, { position: position(2 ** 40) })],
      });
      expect(outcome).toEqual({ type: "written" });
      for (let round = 0; round < 2; round++) {
        expect(store.run(live)).toMatchObject({ position: 7, ended: false });
        expect(text(store.run(live)?.bytes)).toBe(`live ${live}`);
        expect(store.run(ended)).toMatchObject({ position: 2 ** 40, ended: true });
        expect(text(store.run(ended)?.bytes)).toBe(`ended ${ended}`);
        expect(bytes.equals(store.run(big)?.bytes ?? Buffer.alloc(0))).toBe(true);
        await reopen();
      }
    });

    it("takes the caller's bytes before `write` returns", async () => {
      const id = aRun();
      const bytes = Buffer.from("before");
      const written = write(store, { ended: [endedRow(id, { bytes })] });
      bytes.fill("x");
      await written;
      expect(text(store.run(id)?.bytes)).toBe("before");
    });

    it("I6: is ahead of its checkpoint up to the newest run in it, also when the checkpoint is complete", async () => {
      // Behind all that other tests have written.
      await write(store, { meta: metaAt(2 ** 41) });
      await write(store, { meta: metaAt(40) });
      await write(store, { live: [liveRow(aRun(), index("running"), { position: position(50) })] });
      await write(store, { ended: [endedRow(aRun(), { position: position(47) })] });
      expect(store.aheadTo()).toBe(50);
      await write(store, { meta: metaAt(41) });
      expect(store.aheadTo()).toBe(50);
      await reopen();
      expect(store.aheadTo()).toBe(50);
      await write(store, { live: [liveRow(aRun(), index("running"), { position: position(52) })], meta: metaAt(51) });
      expect(store.aheadTo()).toBe(52);
      await write(store, { meta: metaAt(52) });
      expect(store.aheadTo()).toBe(0);
      expect(store.meta()).toMatchObject(metaAt(52));
      await write(store, { ended: [endedRow(aRun(), { position: position(60) })] });
      await reopen();
      expect(store.aheadTo()).toBe(60);
      expect(store.meta()).toMatchObject(metaAt(52));
      await write(store, { meta: metaAt(53) });
      expect([store.meta()?.position, store.aheadTo()]).toEqual([53, 60]);
    });

    it("moves a run from live to ended: its lists, its timer, its row", async () => {
      const tenant = aTenant();
      const id = aRun();
      const first = index("running", DAY_MS + 5000);
      await write(store, { live: [liveRow(id, first, { tenant })] });
      expect(store.list(filter({ tenant, status: "running" }), 9)).toEqual([id]);
      const second = index("paused", DAY_MS + 9000);
      await write(store, { live: [liveRow(id, second, { tenant, previous: first })] });
      expect(store.list(filter({ tenant, status: "running" }), 9)).toEqual([]);
      expect(store.list(filter({ tenant, status: "paused", workflow: WORKFLOW }), 9)).toEqual([id]);
      expect(store.timers(DAY_MS + 9000, null, 9)).toEqual([{ runId: id, tenant, dueMs: DAY_MS + 9000 }]);
      await write(store, { ended: [endedRow(id, { tenant, previous: second, status: "failed" })] });
      expect(store.timers(DAY_MS + 9000, null, 9)).toEqual([]);
      expect(store.liveRuns(null, 1000)).not.toContain(id);
      expect(store.list(filter({ tenant }), 9)).toEqual([id]);
      expect(store.list(filter({ tenant, status: "failed" }), 9)).toEqual([id]);
      expect(store.run(id)?.ended).toBe(true);
    });

    it("moves a reopened run back, and lets it end again in the same slice", async () => {
      const tenant = aTenant();
      const [once, twice] = [aRun(), aRun()];
      const ended = [once, twice].map((id) => endedRow(id, { tenant, status: "failed" }));
      await write(store, { ended });
      const reopened = ended.map((row) => ({
        runId: row.runId,
        tenant,
        workflow: row.workflow,
        status: row.status,
        endedMs: row.endedMs,
      }));
      await write(store, {
        reopened,
        live: [liveRow(once, index("running"), { tenant, position: position(3) })],
        ended: [endedRow(twice, { tenant, status: "completed", position: position(4) })],
      });
      expect(store.run(once)).toMatchObject({ ended: false, position: 3 });
      expect(store.run(twice)).toMatchObject({ ended: true, position: 4 });
      expect(store.list(filter({ tenant, status: "failed" }), 9)).toEqual([]);
      expect(store.list(filter({ tenant, workflow: WORKFLOW }), 9)).toEqual([twice, once]);
      await write(store, {
        ended: [endedRow(once, { tenant, previous: index("running"), endedMs: DAY_MS + PERIOD_MS })],
      });
      expect(store.list(filter({ tenant, status: "completed" }), 9)).toEqual([twice, once]);
      expect(store.liveRuns(null, 1000)).not.toContain(once);
    });

    it("lists newest first over days, statuses and pages", async () => {
      const tenant = aTenant();
      const other = workflowName("other");
      const statuses: EndStatus[] = ["completed", "failed", "cancelled", "timed-out", "terminated"];
      const runs = Array.from({ length: 200 }, (_, i) => runAt(DAY_MS + i * 10, i));
      await write(store, {
        live: runs.slice(0, 20).map((id) => liveRow(id, index("running"), { tenant })),
        ended: runs.slice(20).map((id, i) =>
          endedRow(id, {
            tenant,
            workflow: i % 4 === 0 ? other : WORKFLOW,
            status: statuses[i % 5] ?? "completed",
            endedMs: DAY_MS + (i % 3) * PERIOD_MS,
          }),
        ),
      });
      const newestFirst = runs.toReversed();
      expect(store.list(filter({ tenant }), 1000)).toEqual(newestFirst);
      const pages: RunId[] = [];
      for (let before: RunId | null = null; ; ) {
        const page = store.list(filter({ tenant, before }), 33);
        if (page.length === 0) break;
        pages.push(...page);
        before = page.at(-1) ?? null;
      }
      expect(pages).toEqual(newestFirst);
      const others = runs.filter((_, i) => i >= 20 && (i - 20) % 4 === 0).reverse();
      expect(store.list(filter({ tenant, workflow: other }), 1000)).toEqual(others);
      const [from, before] = [runs[50] ?? null, runs[60] ?? null];
      expect(store.list(filter({ tenant, from, before }), 1000)).toEqual(runs.slice(50, 60).reverse());
      expect(store.list(filter({ tenant: tenantId("nobody") }), 1000)).toEqual([]);
    });

    it("gives timers in order of time, page by page", async () => {
      const base = DAY_MS - PERIOD_MS;
      const rows = [30, 10, 20, 20, 40].map((after) => liveRow(aRun(), index("running", base + after)));
      await write(store, { live: rows });
      const order = rows.toSorted((a, b) => a.index.dueMs - b.index.dueMs || (a.runId < b.runId ? -1 : 1));
      const due = order.slice(0, 4).map((row) => ({ runId: row.runId, tenant: row.tenant, dueMs: row.index.dueMs }));
      expect(store.timers(base + 30, null, 9)).toEqual(due);
      expect(store.timers(base + 30, null, 2)).toEqual(due.slice(0, 2));
      expect(store.timers(base + 30, due[1] ?? null, 9)).toEqual(due.slice(2));
      expect(store.timers(base + 9, null, 9)).toEqual([]);
    });

    it("walks live runs in ascending order", async () => {
      const all = store.liveRuns(null, 1000);
      expect(all).toEqual(all.toSorted());
      expect(all.length).toBeGreaterThan(5);
      expect(store.liveRuns(all[2] ?? null, 3)).toEqual(all.slice(3, 6));
    });

    it("keeps idempotency keys apart by tenant", async () => {
      const id = aRun();
      const key = keyRow("délivrée-0001", id, DAY_MS);
      await write(store, { keys: [key, keyRow("second", aRun(), DAY_MS + 2 * PERIOD_MS)] });
      expect(store.key(TENANT, key.key)).toEqual(key);
      expect(store.key(TENANT, "second")?.startedMs).toBe(DAY_MS + 2 * PERIOD_MS);
      expect(store.key(tenantId("another"), key.key)).toBeUndefined();
      await reopen();
      expect(store.key(TENANT, key.key)).toEqual(key);
    });

    it("keeps rows of the shard's own by key, until they are removed, and gives them in order", async () => {
      const space = `space-${++serial}/`;
      const keys = ["b", "a/2", "a/10", "a", "c"].map((key) => space + key);
      const rows = keys.map((key, ordinal) => shardRow(key, ordinal + 1, `row ${key}`));
      await write(store, { rows });
      const longest = {
        key: "k".repeat(ROW_KEY_CHARACTERS_MAX),
        position: position(2 ** 40),
        bytes: Buffer.alloc(70_000, 1),
      };
      await write(store, { rows: [longest] });
      for (let round = 0; round < 2; round++) {
        const sorted = rows.toSorted((a, b) => (a.key < b.key ? -1 : 1));
        expect(rowsIn(store, space)).toEqual(sorted.map(plain));
        expect(rowsIn(store, `${space}a/`).map(({ key }) => key)).toEqual([`${space}a/10`, `${space}a/2`]);
        expect(store.row(`${space}a`)).toMatchObject({ key: `${space}a`, position: 4 });
        expect(Buffer.compare(store.row(longest.key)?.bytes ?? Buffer.alloc(0), longest.bytes)).toBe(0);
        await reopen();
      }
      await write(store, {
        rows: [
          { key: `${space}a`, position: position(9), bytes: null },
          { key: `${space}none`, position: position(9), bytes: null },
          shardRow(`${space}b`, 9, "new"),
        ],
      });
      expect(store.row(`${space}a`)).toBeUndefined();
      expect(text(store.row(`${space}b`)?.bytes)).toBe("new");
    });

    it("answers a flush when what was written is on disk", async () => {
      const id = aRun();
      const written = write(store, { ended: [endedRow(id)] });
      expect(await flush(store)).toEqual({ type: "written" });
      expect(store.run(id)?.ended).toBe(true);
      await written;
      expect(await flush(store)).toEqual({ type: "written" });
      expect(store.bytes()).toBeGreaterThan(0);
    });

    it("refuses a second write while one is under way", async () => {
      const written = write(store, { live: [liveRow(aRun(), index("running"))] });
      expect(() => store.write(slice({}), () => {})).toThrow("wait for it");
      expect(await written).toEqual({ type: "written" });
    });

    it("drops ended runs and keys by whole days, and nothing that lives", async () => {
      const tenant = aTenant();
      const [old, young, live] = [aRun(), aRun(), aRun()];
      const later = DAY_MS + 30 * PERIOD_MS;
      await write(store, {
        live: [liveRow(live, index("running"), { tenant })],
        ended: [endedRow(old, { tenant }), endedRow(young, { tenant, endedMs: later })],
        keys: [keyRow("old", old, DAY_MS), keyRow("young", young, later)],
      });
      await store.retain(DAY_MS + PERIOD_MS - 1 + Math.min(RETENTION_MS, KEY_RETENTION_MS));
      expect(store.list(filter({ tenant }), 9)).toEqual([live, young, old]);
      expect(store.key(TENANT, "old")?.runId).toBe(old);
      await store.retain(later);
      expect(store.list(filter({ tenant }), 9)).toEqual([live, young]);
      expect(store.run(old)).toBeUndefined();
      expect(store.key(TENANT, "old")).toBeUndefined();
      expect(store.key(TENANT, "young")?.runId).toBe(young);
      expect(text(store.run(young)?.bytes)).toBe(`ended ${young}`);
      await write(store, { ended: [endedRow(aRun(), { tenant, endedMs: later })] });
      await reopen();
      expect(store.run(live)?.ended).toBe(false);
      expect(store.list(filter({ tenant }), 9)).toHaveLength(3);
    });
  });
}
