// What an ended standard run takes on disk once it is in history with its indexes and the journal is cut.
import { join } from "node:path";
import { diskBytes } from "../accounting.ts";
import { closedLoop } from "../closed-loop.ts";
import { type Figure, scaled } from "../figure.ts";
import { startBenchServer } from "../server.ts";

export const disk: Figure = {
  name: "disk",
  take: async (bench) => {
    const server = await startBenchServer(bench.home);
    try {
      const store = join(server.folder, "shards", "0", "store");
      const before = await diskBytes(store);
      const runs = scaled(bench, 100_000, 5000);
      await closedLoop(server.address, { workflow: "standard", inFlight: 2048, runs });
      // A graceful stop ends with a checkpoint: everything is in the store then.
      await server.process.kill("SIGTERM");
      const bytes = (await diskBytes(store)) - before;
      return [
        {
          figure: "disk per ended run",
          value: bytes / runs,
          unit: "bytes/run",
          target: 2000,
          aim: 1000,
          better: "lower",
          detail: { runs },
        },
      ];
    } finally {
      await server.stop();
    }
  },
};
