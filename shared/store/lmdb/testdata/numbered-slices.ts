// An endless history, the same every time: slice `n` starts runs, moves and ends those of earlier slices, reopens some,
// touches the main environment, two days of history and one of keys, and says `n` in its meta.
import { position, tenantId } from "@millrace/model/ids.ts";
import { DAY_MS, endedRow, keyRow, liveRow, metaAt, runAt, slice, TENANT, WORKFLOW } from "../../conformance.ts";
import { PERIOD_MS, type Slice } from "../../store.ts";

/** Runs that start, and end at once, in each slice. */
const RUNS = 60;
const FIRST = { status: "running", dueMs: DAY_MS } as const;

export const NUMBERED_TENANTS = [TENANT, tenantId("second")];

export function sliceNumbered(number: number): Slice {
  const id = (serial: number, of = number) => runAt(DAY_MS + of * 100, of * 1000 + serial);
  const at = { position: position(number) };
  const bytes = (serial: number) => Buffer.from(`${number}/${serial} ${"body ".repeat(serial % 150)}`);
  const ended = Array.from({ length: RUNS }, (_, i) =>
    endedRow(id(i), { ...at, endedMs: DAY_MS + (i % 2) * PERIOD_MS, bytes: bytes(i), status: i % 3 === 0 ? "failed" : "completed" }),
  );
  const live = Array.from({ length: 20 }, (_, i) => liveRow(id(RUNS + i), FIRST, { ...at, bytes: bytes(i) }));
  const reopened: Slice["reopened"][number][] = [];
  if (number > 1) {
    // The live runs of the slice before end; its first failed run is reopened and lives on.
    for (let i = 0; i < 20; i++) ended.push(endedRow(id(RUNS + i, number - 1), { ...at, previous: FIRST, bytes: bytes(i) }));
    reopened.push({ runId: id(0, number - 1), tenant: TENANT, workflow: WORKFLOW, status: "failed", endedMs: DAY_MS });
    live.push(liveRow(id(0, number - 1), { status: "paused", dueMs: 0 }, at));
  }
  const keys = Array.from({ length: 10 }, (_, i) => keyRow(`key ${number}/${i}`, id(i), DAY_MS));
  const rows = [
    { key: `row/${number}`, position: position(number), bytes: bytes(number) },
    { key: `row/${number - 1}`, position: position(number), bytes: null },
    { key: "row", position: position(number), bytes: bytes(number) },
  ];
  return slice({ live, reopened, ended, keys, rows, meta: metaAt(number) });
}
