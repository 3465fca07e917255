// Any event there can be, whether or not it could follow from another.
import type { Failure, FailureClass, RunFailure } from "@millrace/model/failure.ts";
import { runId, slot, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import { type BlobRef, type Json, json, type Payload, type StepInput } from "@millrace/model/payload.ts";
import type { Lane, ParentRef, RunMessage } from "@millrace/model/messages.ts";
import type { JournalEvent } from "@millrace/model/run-events.ts";
import type { EndStatus } from "@millrace/model/run-state.ts";
import fc from "fast-check";

/** The time of the record the events are in. */
export const RECORD_MS = 1_767_225_600_000;

const texts = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: "grapheme", maxLength: 40 }));
const runIds = fc.constantFrom("0000000z000000000000", "0zzzzzzzzzzzzzzzzzzz").map(runId);
const counts = fc.oneof(fc.nat(200), fc.nat());
const ordinals = fc.oneof(fc.constant(-1), counts);
const times = fc.oneof(
  fc.constant(0),
  fc.integer({ min: -100_000, max: 2 ** 40 }).map((away) => RECORD_MS + away),
);
const jsons: fc.Arbitrary<Json> = fc.oneof(fc.json({ maxDepth: 2 }), texts.map((text) => JSON.stringify(text))).map(json);
const blobs: fc.Arbitrary<BlobRef> = fc.record({
  sha256: fc.string({ unit: fc.constantFrom("0", "7", "a", "f"), minLength: 64, maxLength: 64 }),
  bytes: fc.nat(4_194_304),
});
const payloads: fc.Arbitrary<Payload> = fc.oneof({ weight: 4, arbitrary: jsons }, { weight: 1, arbitrary: blobs });
const inputs: fc.Arbitrary<StepInput> = fc.oneof(payloads, fc.integer({ min: -3, max: 500 }));
const anyInput: fc.Arbitrary<StepInput | null> = fc.option(inputs);
const logs: fc.Arbitrary<Payload | null> = fc.option(payloads);
const classes = fc.constantFrom<FailureClass>("transient", "permanent", "uncertain");
const ends = fc.constantFrom<EndStatus>("completed", "failed", "cancelled", "timed-out", "terminated");

const failures: fc.Arbitrary<Failure> = fc.record({
  code: texts,
  class: classes,
  message: texts,
  guidance: texts,
  retryAfterMs: counts,
});

const runFailures: fc.Arbitrary<RunFailure | null> = fc.option(
  fc.record({ step: ordinals, item: ordinals, failure: failures }),
);

const of = { runId: runIds };
const step = { ...of, step: counts };
const attempt = { ...step, item: ordinals, attempt: counts };
const worker = texts.map(workerName);
const tenant = texts.map(tenantId);
const workflow = texts.map(workflowName);

const place = { epoch: counts, step: counts, item: ordinals, attempt: counts };
const parents: fc.Arbitrary<ParentRef | null> = fc.option(
  fc.record({ ...of, ...place, stepName: texts, wait: fc.boolean(), depth: counts }),
);
const slots = fc.nat(4095).map(slot);
const way = { from: slots, to: slots, lane: fc.constantFrom<Lane>("start", "answer") };
const between = { from: runIds, to: runIds, tenant };

/** In the order of the codec's table. */
const MESSAGES: readonly fc.Arbitrary<RunMessage>[] = [
  fc.record({ type: fc.constant("start-child" as const), ...between, ...place, workflow, version: counts }),
  fc.record({ type: fc.constant("stop-child" as const), ...between, mode: fc.constantFrom("cancel", "terminate") }),
  fc.record({ type: fc.constant("child-started" as const), ...between, ...place }),
  fc.record({ type: fc.constant("child-refused" as const), ...between, ...place, failure: failures }),
  fc.record({ type: fc.constant("child-ended" as const), ...between, ...place, status: ends }),
];

/** In the order of the codec's table. */
const KINDS: readonly fc.Arbitrary<JournalEvent>[] = [
  fc.record({
    ...{ type: fc.constant("run-started" as const), ...of, tenant, workflow, version: counts, input: payloads },
    ...{ idempotencyKey: texts, inputHash: texts, traceparent: texts, stepCount: counts, parent: parents },
  }),
  fc.record({ type: fc.constant("step-scheduled" as const), ...attempt, input: anyInput }),
  fc.record({ type: fc.constant("step-completed" as const), ...attempt, output: payloads, worker, startedMs: times, logs }),
  fc.record({
    ...{ type: fc.constant("attempt-failed" as const), ...attempt, failure: failures, retryAtMs: times },
    ...{ worker, startedMs: times, logs },
  }),
  fc.record({ type: fc.constant("attempt-cancelled" as const), ...attempt }),
  fc.record({ type: fc.constant("step-fanned-out" as const), ...step, items: fc.array(jsons, { maxLength: 20 }) }),
  fc.record({ type: fc.constant("step-joined" as const), ...step }),
  fc.record({ type: fc.constant("step-skipped" as const), ...step }),
  fc.record({ type: fc.constant("step-evaluated" as const), ...step, output: payloads }),
  fc.record({ type: fc.constant("step-faulted" as const), ...step, item: ordinals, failure: failures }),
  fc.record({ type: fc.constant("step-sleeping" as const), ...step, untilMs: times }),
  fc.record({ type: fc.constant("step-woke" as const), ...step }),
  fc.record({ type: fc.constant("step-waiting" as const), ...step, signal: texts, deadlineMs: times }),
  fc.record({ type: fc.constant("signal-received" as const), ...of, signalId: texts, name: texts, payload: payloads }),
  fc.record({ type: fc.constant("signal-taken" as const), ...step }),
  fc.record({ type: fc.constant("run-paused" as const), ...of, reason: texts }),
  fc.record({ type: fc.constant("run-resumed" as const), ...of }),
  fc.record({ type: fc.constant("cancel-requested" as const), ...of, reason: texts, deadlineMs: times }),
  fc.record({
    ...{ type: fc.constant("run-ended" as const), ...of, status: ends, output: anyInput },
    ...{ failure: runFailures, reason: texts },
  }),
  fc.record({ type: fc.constant("run-retried" as const), ...of, epoch: counts, requestId: texts }),
  fc.record({
    ...{ type: fc.constant("child-ordered" as const), ...attempt, input: anyInput, child: runIds, workflow },
    version: counts,
  }),
  fc.record({ type: fc.constant("shard-claimed" as const), node: texts }),
  fc.record({ type: fc.constant("definition-pinned" as const), tenant, workflow, version: counts, body: texts }),
  fc.record({ type: fc.constant("message-applied" as const), ...way, number: counts }),
  fc.record({ type: fc.constant("messages-acked" as const), ...way, upTo: counts }),
];

/** One of every kind of message. */
const sent: fc.Arbitrary<readonly JournalEvent[]> = fc.tuple(
  ...MESSAGES.map((message) => fc.record({ type: fc.constant("message-sent" as const), number: counts, message })),
);

export const KIND_COUNT = KINDS.length + 1;

/** Some of every kind. */
export const arbitraryEvents: fc.Arbitrary<readonly JournalEvent[]> = fc
  .tuple(...KINDS.map((kind) => fc.array(kind, { minLength: 1, maxLength: 2 })), sent)
  .map((lists) => lists.flat());
