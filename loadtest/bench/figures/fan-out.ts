// One step, 200 in parallel, one join.
import { closedLoop } from "../closed-loop.ts";
import { type Figure, scaled } from "../figure.ts";
import { startBenchServer } from "../server.ts";

export const fanOut: Figure = {
  name: "fan-out",
  take: async (bench) => {
    const server = await startBenchServer(bench.home);
    try {
      const workflow = "fan-out";
      await closedLoop(server.address, { workflow, inFlight: 8, runs: scaled(bench, 400, 50) });
      const one = await closedLoop(server.address, { workflow, inFlight: 1, runs: scaled(bench, 300, 50) });
      const many = await closedLoop(server.address, { workflow, inFlight: 16, runs: scaled(bench, 2000, 100) });
      return [
        {
          figure: "fan-out p50",
          value: one.p50Ms,
          unit: "ms",
          inFlight: 1,
          target: 20,
          aim: 10,
          better: "lower",
          detail: { p99Ms: one.p99Ms },
        },
        {
          figure: "fan-out",
          value: many.runsPerSecond,
          unit: "runs/s",
          inFlight: 16,
          target: 120,
          aim: 250,
          better: "higher",
          detail: { p99Ms: many.p99Ms },
        },
      ];
    } finally {
      await server.stop();
    }
  },
};
