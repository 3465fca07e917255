// Runs a second and latency of the standard job at several loads, CPU and commits per run.
import { cpuMs, metric } from "../accounting.ts";
import { closedLoop } from "../closed-loop.ts";
import { type Bench, type Figure, type Measured, scaled } from "../figure.ts";
import { type BenchServer, startBenchServer } from "../server.ts";

const LOADS = [
  { inFlight: 4096, runs: 120_000, target: 7500, aim: 11_600 },
  { inFlight: 512, runs: 100_000, target: 6000, aim: 11_600 },
  { inFlight: 64, runs: 30_000, target: 2500, aim: 5000 },
] as const;

export const throughput: Figure = {
  name: "throughput",
  take: async (bench) => {
    const server = await startBenchServer(bench.home);
    try {
      await closedLoop(server.address, { workflow: "standard", inFlight: 512, runs: scaled(bench, 20_000, 2000) });
      const measured: Measured[] = [await latency(bench, server)];
      for (const load of LOADS) measured.push(...(await atLoad(bench, server, load)));
      return measured;
    } finally {
      await server.stop();
    }
  },
};

async function latency(bench: Bench, server: BenchServer): Promise<Measured> {
  const runs = scaled(bench, 1500, 200);
  const result = await closedLoop(server.address, { workflow: "standard", inFlight: 1, runs });
  return {
    figure: "latency p50",
    value: result.p50Ms,
    unit: "ms",
    inFlight: 1,
    target: 7,
    aim: 4,
    better: "lower",
    detail: { p99Ms: result.p99Ms, runsPerSecond: result.runsPerSecond, sketchRunsPerSecond: bench.sketch(1) ?? 0 },
  };
}

async function atLoad(bench: Bench, server: BenchServer, load: (typeof LOADS)[number]): Promise<Measured[]> {
  const { inFlight, target, aim } = load;
  bench.say(`standard job, ${inFlight} in flight`);
  const before = await usage(server);
  const result = await closedLoop(server.address, {
    workflow: "standard",
    inFlight,
    runs: scaled(bench, load.runs, 5000),
  });
  const after = await usage(server);
  const cpuPerRun = (after.cpuMs - before.cpuMs) / result.runs;
  const commitsPerRun = (after.commits - before.commits) / result.runs;
  const sketch = bench.sketch(inFlight);
  const detail = { p50Ms: result.p50Ms, p99Ms: result.p99Ms, cpuMsPerRun: cpuPerRun, commitsPerRun };
  const rate: Measured = {
    figure: "throughput",
    value: result.runsPerSecond,
    unit: "runs/s",
    inFlight,
    target,
    aim,
    better: "higher",
    detail,
    ...(sketch === undefined ? {} : { sketch }),
  };
  if (inFlight !== 512) return [rate];
  return [
    rate,
    {
      figure: "CPU per run, server and worker",
      value: cpuPerRun,
      unit: "ms",
      inFlight,
      target: 0.35,
      aim: 0.15,
      better: "lower",
    },
    {
      figure: "commits per run",
      value: commitsPerRun,
      unit: "commits/run",
      inFlight,
      target: 0.1,
      aim: 0.02,
      better: "lower",
    },
  ];
}

async function usage(server: BenchServer): Promise<{ cpuMs: number; commits: number }> {
  const [serverMs, workerMs, commits] = await Promise.all([
    cpuMs(server.process.pid),
    cpuMs(server.worker.pid),
    metric(server.httpAddress, "millrace_journal_append_duration_seconds_count"),
  ]);
  return { cpuMs: serverMs + workerMs, commits };
}
