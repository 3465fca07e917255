// Random values of everything that travels over the link, for the tests of its codec.
import { mintRunId } from "@millrace/core/run-id.ts";
import type { Failure } from "@millrace/model/failure.ts";
import { position, slot, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import { json, type PassedPayload, type Payload } from "@millrace/model/payload.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { ReceiveMessage, RunCommand, SettleChild, ShardCommand, StartRun } from "@millrace/model/run-commands.ts";
import type { RunStatus } from "@millrace/model/run-state.ts";
import type { Task, TaskToken } from "@millrace/model/task.ts";
import fc from "fast-check";
import type { Envelope, ListedRun, ListPage, ListQuery, Reply, RunEnd, RunView } from "../../link.ts";

const STATUSES: readonly RunStatus[] = [
  ...(["running", "paused", "cancelling", "completed", "failed", "cancelled", "timed-out", "terminated"] as const),
];
const ENDS = ["completed", "failed", "cancelled", "timed-out", "terminated"] as const;

export const anyRef = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const count = fc.nat(100_000);
const timeMs = fc.oneof(fc.constant(0), fc.integer({ min: 1_600_000_000_000, max: 2_000_000_000_000 }));
const text = fc.oneof(fc.string(), fc.string({ unit: "grapheme" }), fc.constant(""));
const tenant = fc.constantFrom("acme", "globex", "t").map(tenantId);
const workflow = fc.constantFrom("order-paid", "flow").map(workflowName);
export const anyRunId = fc
  .tuple(fc.nat(2 ** 40), fc.nat(4095), fc.nat(), fc.nat())
  .map(([ms, at, low, high]) => mintRunId(ms, slot(at), low, high));

const jsonText = fc.jsonValue().map((value) => json(JSON.stringify(value)));
const blob = fc.record({ sha256: fc.stringMatching(/^[0-9a-f]{64}$/), bytes: fc.nat(4_000_000) });
export const anyPayload: fc.Arbitrary<Payload> = fc.oneof(jsonText, blob);
const passed: fc.Arbitrary<PassedPayload> = fc.oneof(anyPayload, fc.array(anyPayload, { minLength: 1, maxLength: 5 }));

const failure: fc.Arbitrary<Failure> = fc.record({
  code: text,
  class: fc.constantFrom("transient", "permanent", "uncertain"),
  message: text,
  guidance: text,
  retryAfterMs: count,
});

export const anyToken: fc.Arbitrary<TaskToken> = fc.record({
  runId: anyRunId,
  epoch: fc.integer({ min: 1, max: 5 }),
  step: fc.nat(300),
  item: fc.integer({ min: -1, max: 10_000 }),
  attempt: fc.integer({ min: 1, max: 100 }),
});

export const anyTask: fc.Arbitrary<Task> = fc
  .tuple(
    anyToken,
    fc.record({
      tenant,
      workflow,
      stepName: text,
      taskType: fc.constantFrom("work", "http"),
      input: passed,
      idempotencyKey: text,
      timeoutMs: fc.nat(),
    }),
  )
  .map(([token, rest]) => ({ ...token, ...rest }));

const outcome = fc.oneof(
  fc.record({ type: fc.constant("completed" as const), output: anyPayload }),
  fc.record({ type: fc.constant("failed" as const), failure }),
  fc.record({ type: fc.constant("cancelled" as const) }),
);

const result: fc.Arbitrary<RunCommand> = fc
  .tuple(anyToken, tenant, outcome, timeMs, fc.option(anyPayload))
  .map(([token, owner, what, startedMs, logs]) => ({
    type: "result",
    tenant: owner,
    runId: token.runId,
    result: { ...token, outcome: what, worker: workerName("w@1"), startedMs, logs },
  }));

const to = { tenant, runId: anyRunId };

const start: fc.Arbitrary<StartRun> = fc.record({
  type: fc.constant("start" as const),
  ...to,
  workflow,
  version: count,
  input: anyPayload,
  idempotencyKey: text,
  inputHash: text,
  traceparent: text,
  parent: fc.option(
    fc
      .tuple(anyToken, fc.record({ stepName: text, wait: fc.boolean(), depth: fc.integer({ min: 1, max: 32 }) }))
      .map(([token, rest]) => ({ ...token, ...rest })),
  ),
});

const stop = fc.record({ type: fc.constantFrom("cancel" as const, "terminate" as const), ...to, reason: text });

const childEnded: fc.Arbitrary<SettleChild> = fc
  .tuple(
    anyToken,
    fc.record({
      type: fc.constant("child-ended" as const),
      tenant,
      child: anyRunId,
      status: fc.constantFrom(...ENDS, "started" as const, "refused" as const),
      output: fc.option(anyPayload),
      failure: fc.option(failure),
      startedMs: timeMs,
    }),
  )
  .map(([token, rest]) => ({ ...token, ...rest }));

const message: fc.Arbitrary<ReceiveMessage> = fc.record({
  type: fc.constant("message" as const),
  ...to,
  from: fc.nat(4095).map(slot),
  lane: fc.constantFrom("start" as const, "answer" as const),
  number: fc.integer({ min: 1, max: 2 ** 40 }),
  content: fc.oneof(start, stop, childEnded, fc.constant(null)),
});

export const anyCommand: fc.Arbitrary<ShardCommand> = fc.oneof(
  result,
  start,
  childEnded,
  message,
  fc.record({ type: fc.constant("signal" as const), ...to, signalId: text, name: text, payload: anyPayload }),
  fc.record({ type: fc.constantFrom("cancel" as const, "terminate" as const, "pause" as const), ...to, reason: text }),
  fc.record({ type: fc.constant("resume" as const), ...to }),
  fc.record({ type: fc.constant("timer-due" as const), ...to }),
  fc.record({ type: fc.constant("advance" as const), ...to, lost: fc.array(blob, { maxLength: 3 }) }),
  fc.record({ type: fc.constant("retry" as const), ...to, requestId: text }),
);

export const anyEnvelope: fc.Arbitrary<Envelope> = fc
  .tuple(anyRef, anyCommand, fc.boolean())
  .map(([ref, command, notifyEnd]) => ({ ref, command, notifyEnd: notifyEnd && command.type === "start" }));

export const anyRefusal: fc.Arbitrary<Refusal> = fc.record({
  code: fc.constantFrom("RUN_NOT_FOUND", "SHARD_UNAVAILABLE", "SHARD_OVERLOADED", "DISK_FULL", "INVALID_ARGUMENT"),
  field: text,
  message: text,
  fix: text,
  retryDelayMs: count,
});

export const anyReply: fc.Arbitrary<Reply> = fc.oneof(
  fc.record({
    type: fc.constant("done" as const),
    ref: anyRef,
    runId: anyRunId,
    repeated: fc.boolean(),
    epoch: count,
  }),
  fc.record({ type: fc.constant("refused" as const), ref: anyRef, refusal: anyRefusal }),
);

export const anyEnd: fc.Arbitrary<RunEnd> = fc.record({
  ref: anyRef,
  runId: anyRunId,
  epoch: count,
  status: fc.constantFrom(...ENDS),
  output: fc.option(passed),
  failure: fc.option(
    fc.record({ step: fc.integer({ min: -1, max: 300 }), item: fc.integer({ min: -1, max: 9_999 }), failure }),
  ),
  failedStep: text,
  endedMs: timeMs,
});

const view: fc.Arbitrary<RunView> = fc.record({
  runId: anyRunId,
  bytes: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  position: count.map(position),
  definition: text,
});
export const anyView = fc.oneof(view, anyRefusal);

export const anyQuery: fc.Arbitrary<ListQuery> = fc.record({
  tenant,
  workflow: fc.option(workflow),
  status: fc.option(fc.constantFrom(...STATUSES)),
  startedFromMs: timeMs,
  startedUntilMs: timeMs,
  before: fc.option(anyRunId),
  limit: fc.integer({ min: 1, max: 1000 }),
});

const listed: fc.Arbitrary<ListedRun> = fc.record({
  runId: anyRunId,
  tenant,
  workflow,
  version: count,
  status: fc.constantFrom(...STATUSES),
  epoch: count,
  startedMs: timeMs,
  endedMs: timeMs,
  failure: fc.option(failure),
  failedStep: text,
  reason: text,
  idempotencyKey: text,
  retryingSteps: count,
  nextAttemptMs: timeMs,
  stepsTotal: count,
  stepsSettled: count,
  position: count.map(position),
});
const page: fc.Arbitrary<ListPage> = fc.record({
  runs: fc.array(listed, { maxLength: 5 }),
  next: fc.option(anyRunId),
});
export const anyPage = fc.oneof(page, anyRefusal);
