// What encoding and decoding of the worker stream's frames costs, generated codecs alone against the fast ones. Prints a
// JSON line a figure. Each variant runs in a process of its own, as in production: two writers in one process make every
// call site of the generated code polymorphic. Rounds alternate, so that a noisy machine is noisy for both.
import { spawnSync } from "node:child_process";
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
      for (const [figure, us] of Object.entries<number>(JSON.parse(child.stdout))) {
        best[variant][figure] = Math.min(us, best[variant][figure] ?? Number.POSITIVE_INFINITY);
      }
    }
  }
  for (const [figure, generatedUs] of Object.entries(best.generated)) {
    const fastUs = best.fast[figure] ?? Number.NaN;
    const line = {
      figure,
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
  const tasks = ConnectResponse.fromPartial({ tasks: Array.from({ length: BATCH }, (_, index) => task(index)) });
  const results = ConnectRequest.fromPartial({ results: Array.from({ length: BATCH }, (_, index) => result(index)) });
  const taskBytes = connect.responseSerialize(tasks);
  const resultBytes = connect.requestSerialize(results);
  return {
    "task encode, µs": perMessageUs(() => connect.responseSerialize(tasks).length),
    "task decode, µs": perMessageUs(() => connect.responseDeserialize(taskBytes).tasks.length),
    "task decode and payload as text, µs": perMessageUs(() => {
      let characters = 0;
      for (const { input } of connect.responseDeserialize(taskBytes).tasks) characters += input.toString().length;
      return characters;
    }),
    "result encode, µs": perMessageUs(() => connect.requestSerialize(results).length),
    "result decode, µs": perMessageUs(() => connect.requestDeserialize(resultBytes).results.length),
    "result decode and payload as text, µs": perMessageUs(() => {
      let characters = 0;
      for (const { outcome } of connect.requestDeserialize(resultBytes).results) {
        if (outcome?.$case === "output") characters += outcome.value.toString().length;
      }
      return characters;
    }),
  };
}

function task(index: number): ConnectResponse["tasks"][number] {
  return {
    runId: "01jd8z6k3mq0rs7t2x9y",
    epoch: 1,
    step: index % 5,
    item: 0,
    attempt: 1,
    taskType: "acme.charge",
    input: PAYLOAD,
    idempotencyKey: `01jd8z6k3mq0rs7t2x9y-1-${index % 5}-0`,
    timeoutMs: 300_000,
    stepName: "charge",
    workflow: "order-paid",
    tenant: "default",
  };
}

function result(index: number): ConnectRequest["results"][number] {
  return {
    runId: "01jd8z6k3mq0rs7t2x9y",
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
