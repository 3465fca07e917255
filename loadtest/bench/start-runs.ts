// Starts many runs and waits only until each is durable.
import type { ClientDuplexStream } from "@grpc/grpc-js";
import { createRpcClient } from "@millrace/rpc/client.ts";
import {
  RunServiceClient,
  type RunStart,
  SubmitAnswers,
  type SubmitRunsRequest,
  type SubmitRunsResponse,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";

const IN_FLIGHT = 4096;
const INPUT = Buffer.from('{"order":991}');

/** Resolves when all are durable. Rejects when one is refused. */
export function startRuns(address: string, workflow: string, runs: number): Promise<void> {
  const client = createRpcClient(RunServiceClient, address);
  const stream: ClientDuplexStream<SubmitRunsRequest, SubmitRunsResponse> = client.submitRuns();
  let sent = 0;
  let durable = 0;
  const send = (count: number): void => {
    const starts: RunStart[] = [];
    for (let left = Math.min(count, runs - sent); left > 0; left--)
      starts.push({ ref: sent++, workflow, input: INPUT, idempotencyKey: "", version: 0 });
    if (starts.length > 0) stream.write({ runs: starts, answers: SubmitAnswers.STARTS });
  };
  return new Promise((resolve, reject) => {
    stream.on("error", reject);
    stream.on("data", ({ started }: SubmitRunsResponse) => {
      for (const { error } of started) if (error !== undefined) reject(new Error(error.message));
      durable += started.length;
      if (durable < runs) return send(started.length);
      stream.end();
      client.close();
      resolve();
    });
    send(IN_FLIGHT);
  });
}
