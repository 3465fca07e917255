// Unary StartRun that waits for the end, beside a handler that does nothing, in the same run.
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { createRpcClient } from "@millrace/rpc/client.ts";
import { RunServiceClient } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { startNode } from "@millrace/testing/process.ts";
import { type Figure, scaled } from "../figure.ts";
import { startBenchServer } from "../server.ts";

const EMPTY_SERVER = fileURLToPath(new URL("../empty-server.ts", import.meta.url));
const IN_FLIGHT = 512;

export const unary: Figure = {
  name: "unary",
  take: async (bench) => {
    const runs = scaled(bench, 20_000, 2000);
    const empty = await startNode(EMPTY_SERVER);
    const { groups } = await empty.waitForLine(/listens on (?<address>\S+)/);
    const server = await startBenchServer(bench.home);
    try {
      await calls(server.address, runs / 4);
      const nothing = await calls(groups?.["address"] ?? "", runs);
      const ours = await calls(server.address, runs);
      return [
        {
          figure: "unary StartRun",
          value: ours,
          unit: "runs/s",
          inFlight: IN_FLIGHT,
          target: 1500,
          aim: 0.8 * nothing,
          better: "higher",
          detail: { emptyHandlerCallsPerSecond: nothing, shareOfEmpty: ours / nothing },
        },
      ];
    } finally {
      await Promise.all([server.stop(), empty.kill("SIGKILL")]);
    }
  },
};

/** Calls a second, 512 at a time. */
function calls(address: string, count: number): Promise<number> {
  const client = createRpcClient(RunServiceClient, address);
  const input = Buffer.from(JSON.stringify({ order: 991, items: [1, 2, 3], note: "an input payload" }));
  let sent = 0;
  let done = 0;
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const one = (): void => {
      if (sent >= count) return;
      sent++;
      const request = { workflow: "standard", input, idempotencyKey: "", version: 0, wait: true };
      client.startRun(request, (error) => {
        if (error !== null) return reject(error);
        done++;
        if (done < count) return one();
        client.close();
        resolve(count / ((performance.now() - startMs) / 1000));
      });
    };
    for (let lane = 0; lane < IN_FLIGHT; lane++) one();
  });
}
