// What writing history costs: `node store-write.ts [rows] [live rows]` prints JSON lines. Rows are standard runs (5 steps,
// ~100-byte results with 32 random hex digits each), IDs are real ones, slices hold what fits into 4 MiB.
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { mintRunId } from "@millrace/core/run-id.ts";
import { position, type RunId, slot, tenantId, term, workflowName } from "@millrace/model/ids.ts";
import { openLmdbStore } from "@millrace/store/lmdb/open.ts";
import type { EndedRow, LiveRow, Slice, SliceOutcome, Store } from "@millrace/store/store.ts";

const SLICE_BYTES = 4 * 1024 * 1024;
const ROW_OVERHEAD_BYTES = 80;
const START_MS = 1_790_000_000_000;
const RUNS_PER_MS = 11.6;
const TENANT = tenantId("default");
const WORKFLOW = workflowName("five-steps");

const rows = Number(process.argv[2] ?? 200_000);
const liveRows = Number(process.argv[3] ?? 0);
const folder = await mkdtemp(join(tmpdir(), "millrace-store-write-"));
const store = await openLmdbStore(folder);
try {
  await endedRuns(store, rows);
  listing(store);
  if (liveRows > 0) await waitingRuns(store, liveRows);
} finally {
  await store.close();
  await rm(folder, { recursive: true });
}

async function endedRuns(to: Store, count: number): Promise<void> {
  let delayMaxMs = 0;
  let written = 0;
  let mainMs = 0;
  let valueBytes = 0;
  let slices = 0;
  let firstCallMs = 0;
  let slowestCallMs = 0;
  let wallMs = 0;
  const cpu = { user: 0, system: 0 };
  while (written < count) {
    const ended: EndedRow[] = [];
    for (let bytes = 0; bytes < SLICE_BYTES && written < count; written++) {
      const row = endedRun(written);
      ended.push(row);
      bytes += row.bytes.length + ROW_OVERHEAD_BYTES;
      valueBytes += row.bytes.length;
    }
    // Only the store's own cost is counted, not that of making up rows.
    const cpuBefore = process.cpuUsage();
    const before = performance.now();
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const outcome = await write(to, { ended }, (ms) => {
      mainMs += ms;
      // The first one starts the store's thread and is not compiled yet.
      if (slices === 0) firstCallMs = ms;
      else slowestCallMs = Math.max(slowestCallMs, ms);
    });
    delay.disable();
    if (slices > 0) delayMaxMs = Math.max(delayMaxMs, delay.max / 1e6);
    wallMs += performance.now() - before;
    const spent = process.cpuUsage(cpuBefore);
    cpu.user += spent.user;
    cpu.system += spent.system;
    slices++;
    if (outcome.type !== "written") throw new Error(`a slice was not written: ${outcome.type}`);
  }
  print({
    figure: "ended runs",
    rows: count,
    slices,
    value_bytes: Math.round(valueBytes / count),
    main_us_per_row: perRow(mainMs * 1000, count),
    cpu_us_per_row: perRow(cpu.user + cpu.system, count),
    wall_us_per_row: perRow(wallMs * 1000, count),
    first_write_call_ms: round(firstCallMs),
    slowest_write_call_ms: round(slowestCallMs),
    loop_delay_max_ms: round(delayMaxMs),
    disk_bytes_per_row: Math.round((await diskBytes()) / count),
  });
}

function listing(from: Store): void {
  const filters = {
    tenant: { workflow: null, status: null },
    "tenant, status": { workflow: null, status: "completed" },
    "tenant, workflow": { workflow: WORKFLOW, status: null },
    "tenant, workflow, status": { workflow: WORKFLOW, status: "completed" },
  } as const;
  for (const [name, filter] of Object.entries(filters)) {
    let before: RunId | null = null;
    const listMs: number[] = [];
    const readMs: number[] = [];
    for (let page = 0; page < 200; page++) {
      const started = performance.now();
      const runs: RunId[] = from.list({ tenant: TENANT, ...filter, before, from: null }, 50);
      const listed = performance.now();
      for (const id of runs) from.run(id);
      listMs.push(listed - started);
      readMs.push(performance.now() - listed);
      before = runs.at(-1) ?? null;
    }
    print({ figure: "list of 50", by: name, list_us: quantiles(listMs), read_all_us: quantiles(readMs) });
  }
}

async function waitingRuns(to: Store, count: number): Promise<void> {
  const bytesBefore = await diskBytes();
  const dueMs = START_MS + 30 * 86_400_000;
  let mainMs = 0;
  let slowestCallMs = 0;
  const began = performance.now();
  for (let written = 0; written < count; ) {
    const live: LiveRow[] = [];
    for (let bytes = 0; bytes < SLICE_BYTES && written < count; written++) {
      const { runId, bytes: value } = endedRun(rows + written);
      const state = value.subarray(0, 300);
      const index = { status: "running", dueMs: dueMs + written } as const;
      live.push({
        runId,
        tenant: TENANT,
        workflow: WORKFLOW,
        index,
        previous: null,
        position: position(written),
        bytes: state,
      });
      bytes += state.length + ROW_OVERHEAD_BYTES;
    }
    await write(to, { live }, (ms) => {
      mainMs += ms;
      slowestCallMs = Math.max(slowestCallMs, ms);
    });
  }
  const wallMs = performance.now() - began;
  const timersBegan = performance.now();
  const timers = to.timers(dueMs + count, null, 1000).length;
  const timersMs = performance.now() - timersBegan;
  const walkBegan = performance.now();
  let walked = 0;
  for (let after: RunId | null = null; ; ) {
    const page: RunId[] = to.liveRuns(after, 1000);
    walked += page.length;
    if (page.length === 0) break;
    after = page.at(-1) ?? null;
  }
  print({
    figure: "live runs with a timer",
    rows: count,
    main_us_per_row: perRow(mainMs * 1000, count),
    wall_ms: Math.round(wallMs),
    slowest_write_call_ms: round(slowestCallMs),
    disk_bytes_per_row: Math.round(((await diskBytes()) - bytesBefore) / count),
    timers_1000_us: Math.round(timersMs * 1000),
    timers,
    walk_us_per_row: perRow((performance.now() - walkBegan) * 1000, walked),
    heap_mib: Math.round(process.memoryUsage().heapUsed / 2 ** 20),
    anonymous_mib: await anonymousMib(),
  });
}

function write(to: Store, change: Partial<Slice>, called: (ms: number) => void): Promise<SliceOutcome> {
  return new Promise((resolve) => {
    const before = performance.now();
    to.write({ live: [], reopened: [], ended: [], keys: [], rows: [], meta: null, ...change }, resolve);
    called(performance.now() - before);
  });
}

function endedRun(serial: number): EndedRow {
  const startedMs = START_MS + Math.floor(serial / RUNS_PER_MS) - Math.floor(Math.random() * 200);
  const random = randomBytes(88);
  const runId = mintRunId(
    startedMs,
    slot(random.readUInt16BE(0) % 4096),
    random.readUInt32BE(2),
    random.readUInt32BE(6),
  );
  const state = {
    input: `{"order":${serial},"items":[1,2,3],"note":"an input payload"}`,
    idempotencyKey: "",
    version: term(1),
    steps: Array.from({ length: 5 }, (_, step) => ({
      times: [1, 3, 4].map((after) => startedMs + step * 5 + after + (random[step + after] ?? 0) / 100),
      worker: "worker-1@build-7",
      output: `{"step":${step},"ok":true,"id":"${random.toString("hex", 8 + step * 16, 24 + step * 16)}","note":"result of a trivial step"}`,
    })),
  };
  return {
    runId,
    tenant: TENANT,
    workflow: WORKFLOW,
    status: serial % 50 === 0 ? "failed" : "completed",
    endedMs: startedMs + 25,
    previous: null,
    position: position(serial),
    bytes: Buffer.from(JSON.stringify(state)),
  };
}

async function diskBytes(): Promise<number> {
  let bytes = 0;
  for (const file of await readdir(folder)) bytes += (await stat(join(folder, file))).blocks * 512;
  return bytes;
}

/** Anonymous memory of this process, as Linux counts it; -1 elsewhere. */
async function anonymousMib(): Promise<number> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const kib = /RssAnon:\s+(\d+)/.exec(status)?.[1];
  return kib === undefined ? -1 : Math.round(Number(kib) / 1024);
}

function quantiles(ms: readonly number[]): { p50: number; p99: number } {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 1000);
  return { p50: at(0.5), p99: at(0.99) };
}

function perRow(total: number, count: number): number {
  return round(total / count);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function print(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
