// A million runs that wait for a month: what they cost in memory, and what they cost the others.
import { setTimeout as sleep } from "node:timers/promises";
import { anonymousBytes, cpuMs, metric } from "../accounting.ts";
import { closedLoop } from "../closed-loop.ts";
import { type Bench, type Figure, scaled } from "../figure.ts";
import { type BenchServer, startBenchServer } from "../server.ts";
import { startRuns } from "../start-runs.ts";

const WAITING = 1_000_000;
const FEW = 1000;
/** A checkpoint begins at the latest 10 s after a change; this long without live runs in memory is enough to see it over. */
const SETTLE_MS = 1000;
const SETTLE_LOOKS_MAX = 120;

export const waiting: Figure = {
  name: "waiting",
  take: async (bench) => {
    const server = await startBenchServer(bench.home);
    try {
      await startRuns(server.address, "waiting", FEW);
      const few = await cpuPerRun(bench, server);
      const many = scaled(bench, WAITING, 10_000);
      bench.say(`${many} runs that wait`);
      await startRuns(server.address, "waiting", many);
      await passive(server);
      const bytes = await anonymousBytes(server.process.pid);
      const crowded = await cpuPerRun(bench, server);
      return [
        {
          figure: "1,000,000 waiting runs, anonymous memory of the server",
          value: bytes / 2 ** 20,
          unit: "MiB",
          target: 1024,
          aim: 512,
          better: "lower",
          detail: { waitingRuns: many },
        },
        {
          figure: "CPU per run with 1,000,000 live runs against 1,000",
          value: crowded / few,
          unit: "×",
          target: 1.3,
          aim: 1.1,
          better: "lower",
          detail: { cpuMsCrowded: crowded, cpuMsFew: few },
        },
      ];
    } finally {
      await server.stop();
    }
  },
};

/** CPU of server and worker for a standard run, ms. */
async function cpuPerRun(bench: Bench, server: BenchServer): Promise<number> {
  const runs = scaled(bench, 60_000, 4000);
  await closedLoop(server.address, { workflow: "standard", inFlight: 512, runs: Math.round(runs / 4) });
  const before = (await cpuMs(server.process.pid)) + (await cpuMs(server.worker.pid));
  await closedLoop(server.address, { workflow: "standard", inFlight: 512, runs });
  return ((await cpuMs(server.process.pid)) + (await cpuMs(server.worker.pid)) - before) / runs;
}

/** Waits until a checkpoint has let the waiting runs leave memory. */
async function passive(server: BenchServer): Promise<void> {
  for (let look = 0; look < SETTLE_LOOKS_MAX; look++) {
    if ((await metric(server.httpAddress, "millrace_active_actors")) === 0) return;
    await sleep(SETTLE_MS);
  }
}
