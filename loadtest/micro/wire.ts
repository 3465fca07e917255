// What encoding and decoding the frames of the worker and submit streams costs, generated codecs alone against the fast ones. Prints a
// JSON line a figure. Each variant runs in a process of its own, as in production: two writers in one process make every
// call site of the generated code polymorphic. Rounds alternate, so that a noisy machine is noisy for both.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { RunServiceService, SubmitRunsRequest, SubmitRunsResponse } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { ConnectRequest, ConnectResponse, WorkerServiceService } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import { fastMethods } from "@millrace/rpc/wire/fast-methods.ts";

const BATCH = 256;
const ROUNDS = 5;
/** Some milliseconds each: short enough to fall between two turns of another process. The first ones warm up. */
const SAMPLES = 300;
const BATCHES_PER_SAMPLE = 10;
const PAYLOAD = Buffer.from(
  JSON.stringify({ order: "o-1029384756", customer: "c-55", total: 1299, note: "x".repeat(31) }),
);

type Variant = "generated" | "fast";
type Figures = Record<string, number>;

if (process.argv[2] === "generated" || process.argv[2] === "fast") {
  process.stdout.write(JSON.stringify(measure(process.argv[2])));
} else {
  compare();
}

function compare(): void {
  const best: Record<Variant, Figures> = { generated: {}, fast: {} };
  for (let round = 0; round < ROUNDS; round++) {
    for (const variant of ["generated", "fast"] as const) {
      const child = spawnSync(process.execPath, [import.meta.filename, variant], { encoding: "utf8" });
      if (child.status !== 0) throw new Error(child.stderr);
      const printed: unknown = JSON.parse(child.stdout);
      if (typeof printed !== "object") throw new Error(`No figures were printed: ${child.stdout}`);
      for (const [figure, us] of Object.entries<unknown>({ ...printed })) {
        best[variant][figure] = Math.min(Number(us), best[variant][figure] ?? Number.POSITIVE_INFINITY);
      }
    }
  }
  for (const [figure, generatedUs] of Object.entries(best.generated)) {
    const fastUs = best.fast[figure] ?? Number.NaN;
    const line = {
      figure,
      unit: "µs a message",
      generatedUs,
      fastUs,
      ratio: Number((generatedUs / fastUs).toFixed(2)),
      payloadBytes: PAYLOAD.length,
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}

function measure(variant: Variant): Figures {
  const { connect } = variant === "fast" ? fastMethods(WorkerServiceService) : WorkerServiceService;
  const { submitRuns } = variant === "fast" ? fastMethods(RunServiceService) : RunServiceService;
  const tasks = ConnectResponse.fromPartial({ tasks: batchOf(taskOf) });
  const results = ConnectRequest.fromPartial({ results: batchOf(resultOf) });
  const starts = SubmitRunsRequest.fromPartial({ runs: batchOf(startOf) });
  const ends = SubmitRunsResponse.fromPartial({ ended: batchOf(endOf) });
  const taskBytes = connect.responseSerialize(tasks);
  const resultBytes = connect.requestSerialize(results);
  const startBytes = submitRuns.requestSerialize(starts);
  const endBytes = submitRuns.responseSerialize(ends);
  return {
    "task encode": perMessageUs(() => connect.responseSerialize(tasks).length),
    "task decode": perMessageUs(() => connect.responseDeserialize(taskBytes).tasks.length),
    "result encode": perMessageUs(() => connect.requestSerialize(results).length),
    "result decode": perMessageUs(() => connect.requestDeserialize(resultBytes).results.length),
    "result decode, payload to text": perMessageUs(() => {
      let characters = 0;
      for (const { outcome } of connect.requestDeserialize(resultBytes).results) {
        if (outcome?.$case === "output") characters += outcome.value.toString().length;
      }
      return characters;
    }),
    "start encode": perMessageUs(() => submitRuns.requestSerialize(starts).length),
    "start decode": perMessageUs(() => submitRuns.requestDeserialize(startBytes).runs.length),
    "end encode": perMessageUs(() => submitRuns.responseSerialize(ends).length),
    "end decode": perMessageUs(() => submitRuns.responseDeserialize(endBytes).ended.length),
  };
}

function batchOf<Message>(make: (index: number) => Message): Message[] {
  return Array.from({ length: BATCH }, (_, index) => make(index));
}

/** Run IDs differ in their random part, so that no cache of strings helps where it would not in earnest. */
function runIdOf(index: number): string {
  return `01jd8z6k3mq0${createHash("md5").update(String(index)).digest("hex").slice(0, 8)}`;
}

function startOf(index: number): SubmitRunsRequest["runs"][number] {
  return { ref: 1_000_000 + index, workflow: "order-paid", input: PAYLOAD, idempotencyKey: "", version: 0 };
}

function endOf(index: number): SubmitRunsResponse["ended"][number] {
  return {
    ref: 1_000_000 + index,
    runId: runIdOf(index),
    status: 4,
    output: PAYLOAD,
    failure: undefined,
    failedStep: "",
    endTimeMs: 1_782_907_200_000 + index,
  };
}

function taskOf(index: number): ConnectResponse["tasks"][number] {
  return {
    runId: runIdOf(index),
    epoch: 1,
    step: index % 5,
    item: 0,
    attempt: 1,
    taskType: "acme.charge",
    input: PAYLOAD,
    idempotencyKey: `${runIdOf(index)}-1-${index % 5}-0`,
    timeoutMs: 300_000,
    stepName: "charge",
    workflow: "order-paid",
    tenant: "default",
  };
}

function resultOf(index: number): ConnectRequest["results"][number] {
  return {
    runId: runIdOf(index),
    epoch: 1,
    step: index % 5,
    item: 0,
    attempt: 1,
    outcome: { $case: "output", value: PAYLOAD },
    logs: Buffer.alloc(0),
  };
}

/**
 * µs a message, the best of {@link SAMPLES}: what the code costs when nobody else has the core. `work` returns a number so
 * that none of it is optimised away.
 */
function perMessageUs(work: () => number): number {
  let sink = 0;
  let bestUs = Number.POSITIVE_INFINITY;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const start = performance.now();
    for (let batch = 0; batch < BATCHES_PER_SAMPLE; batch++) sink += work();
    bestUs = Math.min(bestUs, ((performance.now() - start) * 1_000) / (BATCHES_PER_SAMPLE * BATCH));
  }
  if (sink === 0) throw new Error("Nothing was encoded or decoded.");
  return Number(bestUs.toFixed(3));
}
