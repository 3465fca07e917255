import { fileURLToPath } from "node:url";
import { startNode } from "@millrace/testing/process.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, it } from "vitest";
import { DAY_MS, endedRow, flush, keyRow, liveRow, runAt, slice, TENANT, WORKFLOW, write } from "../conformance.ts";
import { RowModel } from "../model-conformance.ts";
import { PERIOD_MS } from "../store.ts";
import { applyToKeys, applyToMain } from "./apply.ts";
import { openKeys, openMain } from "./environment.ts";
import { openLmdbStore } from "./open.ts";
import { redoOf } from "./redo.ts";
import { Scopes } from "./scopes.ts";
import { NUMBERED_TENANTS, sliceNumbered } from "./testdata/numbered-slices.ts";

const PROGRAM = fileURLToPath(new URL("./testdata/write-until-killed.ts", import.meta.url));
const KILLS = 4;
/** Slices it may write until the kill arrives; bounds the test on a slow machine. */
const SLICES_MORE = 5;

it("I6: killed at any moment, it holds every slice that was written, and of the next all or nothing", async () => {
  await using folder = await tempFolder();
  const model = new RowModel();
  let applied = 0;
  for (let kill = 1; kill <= KILLS; kill++) {
    const seen = applied + kill * 2;
    const writing = await startNode(PROGRAM, [folder.path, String(seen + SLICES_MORE)]);
    // The line is printed while the next slice is on its way: the kill meets it, or a later one, wherever it is by then.
    await writing.waitForLine(new RegExp(`^wrote ${seen}$`));
    await writing.kill();
    const acknowledged = Math.max(...writing.lines.map((line) => Number(/^wrote (\d+)$/.exec(line)?.[1] ?? 0)));
    const store = await openLmdbStore(folder.path);
    const reached = Number(store.meta()?.position);
    expect(reached - acknowledged).toBeGreaterThanOrEqual(0);
    expect(reached - acknowledged).toBeLessThanOrEqual(1);
    while (applied < reached) model.apply(sliceNumbered(++applied));
    model.check(store, NUMBERED_TENANTS);
    await store.close();
  }
  expect(applied).toBeGreaterThan(KILLS);
});

it("I6: a crash between the main environment and the days loses nothing and shows nothing twice", async () => {
  await using folder = await tempFolder();
  const live = runAt(DAY_MS, 1);
  const failed = runAt(DAY_MS, 2);
  const gone = runAt(DAY_MS, 3);
  const index = { status: "running", dueMs: DAY_MS } as const;
  const before = await openLmdbStore(folder.path);
  await write(before, { live: [liveRow(live, index)], ended: [endedRow(failed, { status: "failed" })] });
  await before.close();

  const crashed = slice({
    live: [liveRow(failed, index)],
    reopened: [{ runId: failed, tenant: TENANT, workflow: WORKFLOW, status: "failed", endedMs: DAY_MS }],
    ended: [endedRow(live, { previous: index }), endedRow(gone, { endedMs: DAY_MS + PERIOD_MS })],
    keys: [keyRow("key", gone, DAY_MS), keyRow("another day", gone, DAY_MS + PERIOD_MS)],
  });
  const redo = redoOf(crashed);
  const main = openMain(folder.path);
  const number = applyToMain(main, new Scopes(main), crashed, redo);
  await main.root.close();
  // One of two days of keys had it already.
  const [applied] = redo.keys.values();
  if (applied === undefined) throw new Error("the slice has no keys");
  const keys = openKeys(folder.path, applied.period);
  applyToKeys(keys, applied, number);
  await keys.root.close();

  for (let round = 0; round < 2; round++) {
    const store = await openLmdbStore(folder.path);
    expect(store.run(live)?.ended).toBe(true);
    expect(store.run(failed)?.ended).toBe(false);
    expect(store.liveRuns(null, 9)).toEqual([failed]);
    const filter = { tenant: TENANT, workflow: null, before: null, from: null };
    expect(store.list({ ...filter, status: null }, 9)).toEqual([gone, failed, live]);
    expect(store.list({ ...filter, status: "failed" }, 9)).toEqual([]);
    expect(store.key(TENANT, "key")?.runId).toBe(gone);
    expect(store.key(TENANT, "another day")?.runId).toBe(gone);
    expect(await flush(store)).toEqual({ type: "written" });
    await store.close();
  }
});
