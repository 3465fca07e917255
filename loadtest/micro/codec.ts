// What journal events and run states cost to encode and decode: a standard run, 5 steps in a row with 100-byte results.
// Prints a JSON line a figure, the best of many short samples.
import { decodeEvents, encodeEvents } from "@millrace/codec/events-v1.ts";
import { decodeRunState, encodeRunState } from "@millrace/codec/run-state-v1.ts";
import { compilePlan } from "@millrace/core/plan/compile.ts";
import { decide } from "@millrace/core/run/decide.ts";
import { COMMAND_BYTES_MAX, COMMAND_EVENTS_MAX, type Decision } from "@millrace/core/run/decision.ts";
import { mintRunId } from "@millrace/core/run-id.ts";
import type { Definition } from "@millrace/model/definition.ts";
import { slot, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import type { RunEvent } from "@millrace/model/run-events.ts";
import type { RunState } from "@millrace/model/run-state.ts";

const STEPS = 5;
const NOW_MS = 1_767_225_600_000;
/** Some milliseconds each: short enough to fall between two turns of another process. The first ones warm up. */
const SAMPLES = 400;
const RUNS_PER_SAMPLE = 200;
const PAYLOAD = json(JSON.stringify({ order: "o-1029384756", customer: "c-55", total: 1299, note: "x".repeat(40) }));

const DEFINITION: Definition = {
  name: workflowName("standard"),
  triggers: [],
  steps: Array.from({ length: STEPS }, (_, index) => ({
    name: `s${index}`,
    uses: "work",
    kind: "task" as const,
    needs: index === 0 ? [] : [`s${index - 1}`],
    if: null,
    forEach: null,
    maxConcurrency: 100,
    with: null,
    hasWith: false,
    child: null,
    attemptTimeoutMs: 300_000,
    stepTimeoutMs: 0,
    retry: { maxAttempts: 5, initialDelayMs: 500, maxDelayMs: 60_000, multiplier: 2 },
  })),
  output: null,
  hasOutput: false,
  timeoutMs: 0,
};

const { run, commands } = standardRun();
const events = commands.flat();
const record = Buffer.concat(commands.map((made) => encodeEvents(made, 0, NOW_MS)));
const state = Buffer.from(encodeRunState(run));

report("events encode, a command at a time", events.length, () => {
  let bytes = 0;
  for (const made of commands) bytes += encodeEvents(made, 0, NOW_MS).length;
  return bytes;
});
report("events decode", events.length, () => {
  let seen = 0;
  decodeEvents(record, NOW_MS, () => seen++);
  return seen;
});
report("run state encode", 1, () => encodeRunState(run).length);
report("run state decode", 1, () => decodeRunState(state).steps.length);

function standardRun(): { readonly run: RunState; readonly commands: readonly RunEvent[][] } {
  const runId = mintRunId(NOW_MS, slot(1), 2, 3);
  const to = { tenant: tenantId("default"), runId };
  const plan = compilePlan(DEFINITION);
  const made: RunEvent[][] = [];
  let current: RunState | undefined;
  const decideOne = (command: RunCommand): void => {
    const decision: Decision = {
      run: current,
      plan,
      at: { nowMs: NOW_MS, seed: 1 },
      events: [],
      reactions: [],
      blobText: () => undefined,
      lost: [],
      eventsLeft: COMMAND_EVENTS_MAX,
      bytesLeft: COMMAND_BYTES_MAX,
      advanceAsked: false,
      canOrder: true,
      roomAwaited: false,
      loadAsked: false,
    };
    decide(decision, command);
    current = decision.run;
    made.push(decision.events);
  };
  const { name } = DEFINITION;
  decideOne({
    ...{ type: "start", ...to, workflow: name, version: 1, input: PAYLOAD, idempotencyKey: "order-1029384756" },
    ...{ inputHash: "0123456789abcdef", traceparent: "", parent: null },
  });
  for (let step = 0; step < STEPS; step++) {
    const outcome = { type: "completed", output: PAYLOAD } as const;
    const token = { runId, epoch: 1, step, item: -1, attempt: 1 };
    const result = { ...token, outcome, worker: workerName("bench@1"), startedMs: NOW_MS, logs: null };
    decideOne({ type: "result", ...to, result });
  }
  if (current === undefined) throw new Error("The run was never started.");
  return { run: current, commands: made };
}

function report(figure: string, perRun: number, once: () => number): void {
  let bestUs = Number.POSITIVE_INFINITY;
  let bytes = 0;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const startMs = performance.now();
    for (let turn = 0; turn < RUNS_PER_SAMPLE; turn++) bytes = once();
    bestUs = Math.min(bestUs, ((performance.now() - startMs) * 1000) / RUNS_PER_SAMPLE);
  }
  const us = Number((bestUs / perRun).toFixed(3));
  process.stdout.write(`${JSON.stringify({ figure, unit: perRun === 1 ? "µs" : "µs an event", us, result: bytes })}\n`);
}
