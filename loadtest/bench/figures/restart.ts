// From the start of the process to its first run, and from kill −9 to serving again.
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { Metadata } from "@grpc/grpc-js";
import { createRpcClient, deadlineIn } from "@millrace/rpc/client.ts";
import { type RunServiceClient as RunClient, RunServiceClient } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { closedLoop } from "../closed-loop.ts";
import { type Figure, scaled } from "../figure.ts";
import { startBenchServer, startServerProcess } from "../server.ts";
import { startRuns } from "../start-runs.ts";

const STARTS = 7;
const LIVE = 100_000;

export const restart: Figure = {
  name: "restart",
  take: async (bench) => {
    const first = await startToFirstRun(bench.home);
    const live = scaled(bench, LIVE, 5000);
    bench.say(`kill -9 with ${live} live runs`);
    const server = await startBenchServer(bench.home);
    try {
      await startRuns(server.address, "waiting", live);
      await closedLoop(server.address, { workflow: "standard", inFlight: 512, runs: scaled(bench, 10_000, 1000) });
      await server.process.kill("SIGKILL");
      const killedMs = performance.now();
      const again = await startServerProcess(server.folder);
      const listed = await countable(again.address);
      const seconds = (performance.now() - killedMs) / 1000;
      await again.process.kill("SIGKILL");
      return [
        {
          figure: "start of the process to first run completed",
          value: first / 1000,
          unit: "s",
          target: 1,
          aim: 0.5,
          better: "lower",
        },
        {
          figure: "kill -9 with 100,000 live runs to serving all",
          value: seconds,
          unit: "s",
          target: 2,
          aim: 1,
          better: "lower",
          detail: { live, listed },
        },
      ];
    } finally {
      await server.stop();
    }
  },
};

/** Median over several starts on one folder, the definitions already registered, ms. The run is one transform. */
async function startToFirstRun(home: string): Promise<number> {
  const folder = await mkdtemp(join(home, "millrace-start-"));
  const times: number[] = [];
  try {
    const prepared = await startServerProcess(folder);
    await register(prepared.address);
    await prepared.process.kill("SIGTERM");
    for (let start = 0; start < STARTS; start++) {
      const startMs = performance.now();
      const server = await startServerProcess(folder);
      await runOnce(server.address);
      times.push(performance.now() - startMs);
      await server.process.kill("SIGTERM");
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return times.toSorted((a, b) => a - b)[STARTS >> 1] ?? 0;
}

async function register(address: string): Promise<void> {
  const { WorkflowServiceClient } = await import("@millrace/rpc/generated/millrace/v1/workflows.ts");
  const client = createRpcClient(WorkflowServiceClient, address);
  const source = "name: first\nsteps:\n  greet: { uses: transform, with: { hello: '${input.who}' } }\n";
  await new Promise<void>((resolve, reject) => {
    client.registerWorkflow({ source }, (error) => (error === null ? resolve() : reject(error)));
  });
  client.close();
}

function runOnce(address: string): Promise<void> {
  const client = createRpcClient(RunServiceClient, address);
  const request = {
    workflow: "first",
    input: Buffer.from('{"who":"you"}'),
    idempotencyKey: "",
    version: 0,
    wait: true,
  };
  return new Promise((resolve, reject) => {
    client.startRun(request, new Metadata(), deadlineIn(10_000), (error) => {
      client.close();
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** How many of the newest thousand runs are listed: the server answers, and with what was there. */
function countable(address: string): Promise<number> {
  const client: RunClient = createRpcClient(RunServiceClient, address);
  const request = {
    workflow: "waiting",
    status: 1,
    startTimeFrom: undefined,
    startTimeUntil: undefined,
    pageSize: 1000,
    pageToken: "",
  } as const;
  return new Promise((resolve, reject) => {
    client.listRuns(request, (error, response) => {
      client.close();
      if (error === null) resolve(response.runs.length);
      else reject(error);
    });
  });
}
