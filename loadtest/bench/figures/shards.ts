// Sixteen shards in one process against one.
import { closedLoop } from "../closed-loop.ts";
import { type Bench, type Figure, scaled } from "../figure.ts";
import { startBenchServer } from "../server.ts";

const ROUNDS = 3;

export const shards: Figure = {
  name: "shards",
  take: async (bench) => {
    const ratios: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const one = await rate(bench, "1");
      const sixteen = await rate(bench, "16");
      ratios.push(sixteen / one);
    }
    const median = ratios.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? 0;
    return [
      {
        figure: "throughput with 16 shards against 1",
        value: median,
        unit: "×",
        inFlight: 4096,
        target: 0.8,
        aim: 0.95,
        better: "higher",
      },
    ];
  },
};

async function rate(bench: Bench, count: string): Promise<number> {
  bench.say(`${count} shards`);
  const server = await startBenchServer(bench.home, ["--shards", count]);
  try {
    const workflow = "standard";
    await closedLoop(server.address, { workflow, inFlight: 4096, runs: scaled(bench, 20_000, 5000) });
    const result = await closedLoop(server.address, { workflow, inFlight: 4096, runs: scaled(bench, 60_000, 8000) });
    return result.runsPerSecond;
  } finally {
    await server.stop();
  }
}
