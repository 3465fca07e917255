// The load: a closed loop over one submit stream, a fixed number of runs in flight, ends reported in batches.
import { performance } from "node:perf_hooks";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import { createRpcClient } from "@millrace/rpc/client.ts";
import {
  RunServiceClient,
  type RunStart,
  RunStatus,
  SubmitAnswers,
  type SubmitRunsRequest,
  type SubmitRunsResponse,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";

/** What the sketch sends, too. */
const INPUT = Buffer.from(JSON.stringify({ order: 991, items: [1, 2, 3], note: "an input payload" }));

export interface LoopResult {
  readonly runs: number;
  readonly seconds: number;
  readonly runsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoopOptions {
  readonly workflow: string;
  readonly inFlight: number;
  readonly runs: number;
}

/** Starts `runs` runs, `inFlight` at a time; resolves when all have ended. Rejects when one does not complete. */
export function closedLoop(address: string, { workflow, inFlight, runs }: LoopOptions): Promise<LoopResult> {
  const client = createRpcClient(RunServiceClient, address);
  const stream: ClientDuplexStream<SubmitRunsRequest, SubmitRunsResponse> = client.submitRuns();
  const born = new Float64Array(runs);
  const latencies = new Float64Array(runs);
  let sent = 0;
  let ended = 0;
  const send = (count: number): void => {
    const starts: RunStart[] = [];
    const nowMs = performance.now();
    for (let left = Math.min(count, runs - sent); left > 0; left--) {
      born[sent] = nowMs;
      starts.push({ ref: sent++, workflow, input: INPUT, idempotencyKey: "", version: 0 });
    }
    if (starts.length > 0) stream.write({ runs: starts, answers: SubmitAnswers.ENDS });
  };
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    stream.on("error", reject);
    stream.on("data", (answer: SubmitRunsResponse) => {
      const nowMs = performance.now();
      for (const start of answer.started) if (start.error !== undefined) reject(new Error(start.error.message));
      for (const end of answer.ended) {
        if (end.status !== RunStatus.COMPLETED)
          reject(new Error(`Run ${end.runId} ended ${end.status}: ${end.failure?.message}`));
        latencies[ended++] = nowMs - (born[end.ref] ?? 0);
      }
      if (ended < runs) return send(answer.ended.length);
      const seconds = (nowMs - startMs) / 1000;
      stream.end();
      client.close();
      latencies.sort();
      resolve({
        runs,
        seconds,
        runsPerSecond: runs / seconds,
        p50Ms: latencies[runs >> 1] ?? 0,
        p99Ms: latencies[Math.floor(runs * 0.99)] ?? 0,
      });
    });
    send(inFlight);
  });
}
