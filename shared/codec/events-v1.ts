// Version 1 of a record's body: one list a command, one behind the other; in a list the events it made, flat, each a number
// from the table below and its fields in this order. Numbers are never reused; a new field or meaning is a new number or a new version.
//   1 run-started · 2 step-scheduled · 3 step-completed · 4 attempt-failed · 5 attempt-cancelled · 6 step-fanned-out
//   7 step-joined · 8 step-skipped · 9 step-evaluated · 10 step-faulted · 11 step-sleeping · 12 step-woke
//   13 step-waiting · 14 signal-received · 15 signal-taken · 16 run-paused · 17 run-resumed · 18 cancel-requested
//   19 run-ended · 20 run-retried · 21 child-ordered · 30 shard-claimed · 31 definition-pinned
//   32 message-sent · 33 message-applied · 34 messages-acked (messages-v1.ts)
// Times are stored as distances from the record's time (DESIGN §5: smaller by 8 bytes each); 0 stands for "never" and is null.
import { runId, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import type {
  AttemptCancelled,
  AttemptFailed,
  JournalEvent,
  RunEnded,
  RunEvent,
  RunStarted,
  StepCompleted,
  StepScheduled,
} from "@millrace/model/run-events.ts";
import { isMessageCode, nextMessageEvent, nextParent, parentValue, pushMessageEvent } from "./messages-v1.ts";
import { endStatus } from "./statuses.ts";
import {
  CodecError,
  failureValue,
  nullableInputValue,
  nullablePayloadValue,
  packValues,
  payloadValue,
  runFailureValue,
  type Value,
  ValueReader,
} from "./values.ts";

/** Encodes one command's events, those from index `from`, for a record with time `atMs`. Valid until the next call. */
export function encodeEvents(events: readonly JournalEvent[], from: number, atMs: number): Buffer {
  const values: Value[] = [];
  for (let index = from; index < events.length; index++) {
    const event = events[index];
    if (event !== undefined) push(values, event, atMs);
  }
  return packValues(values);
}

/** Visits the events of a record with time `atMs`, in order. Throws {@link CodecError}. */
export function decodeEvents(body: Uint8Array, atMs: number, visit: (event: JournalEvent) => void): void {
  for (const reader of ValueReader.all(body)) while (!reader.done) visit(next(reader, atMs));
}

function push(out: Value[], event: JournalEvent, atMs: number): void {
  switch (event.type) {
    case "run-started":
      out.push(1, event.runId, event.tenant, event.workflow, event.version, payloadValue(event.input));
      out.push(event.idempotencyKey, event.inputHash, event.traceparent, event.stepCount, parentValue(event.parent));
      return;
    case "step-scheduled":
      out.push(2, event.runId, event.step, event.item, event.attempt, nullableInputValue(event.input));
      return;
    case "step-completed":
      out.push(3, event.runId, event.step, event.item, event.attempt, payloadValue(event.output), event.worker);
      out.push(distance(event.startedMs, atMs), nullablePayloadValue(event.logs));
      return;
    case "attempt-failed":
      out.push(4, event.runId, event.step, event.item, event.attempt, failureValue(event.failure));
      out.push(distance(event.retryAtMs, atMs), event.worker, distance(event.startedMs, atMs));
      out.push(nullablePayloadValue(event.logs));
      return;
    case "attempt-cancelled":
      out.push(5, event.runId, event.step, event.item, event.attempt);
      return;
    case "run-ended":
      out.push(19, event.runId, event.status, nullableInputValue(event.output));
      out.push(runFailureValue(event.failure), event.reason);
      return;
    case "shard-claimed":
      out.push(30, event.node);
      return;
    case "definition-pinned":
      out.push(31, event.tenant, event.workflow, event.version, event.body);
      return;
    case "message-sent":
    case "message-applied":
    case "messages-acked":
      return pushMessageEvent(out, event);
    default:
      return pushRare(out, event, atMs);
  }
}

function pushRare(out: Value[], event: RareEvent, atMs: number): void {
  const { runId: id } = event;
  switch (event.type) {
    case "step-fanned-out":
      out.push(6, id, event.step, event.items);
      return;
    case "step-joined":
      out.push(7, id, event.step);
      return;
    case "step-skipped":
      out.push(8, id, event.step);
      return;
    case "step-evaluated":
      out.push(9, id, event.step, payloadValue(event.output));
      return;
    case "step-faulted":
      out.push(10, id, event.step, event.item, failureValue(event.failure));
      return;
    case "step-sleeping":
      out.push(11, id, event.step, distance(event.untilMs, atMs));
      return;
    case "step-woke":
      out.push(12, id, event.step);
      return;
    case "step-waiting":
      out.push(13, id, event.step, event.signal, distance(event.deadlineMs, atMs));
      return;
    case "signal-received":
      out.push(14, id, event.signalId, event.name, payloadValue(event.payload));
      return;
    case "signal-taken":
      out.push(15, id, event.step);
      return;
    case "run-paused":
      out.push(16, id, event.reason);
      return;
    case "run-resumed":
      out.push(17, id);
      return;
    case "cancel-requested":
      out.push(18, id, event.reason, distance(event.deadlineMs, atMs));
      return;
    case "run-retried":
      out.push(20, id, event.epoch, event.requestId);
      return;
    case "child-ordered":
      out.push(21, id, event.step, event.item, event.attempt, nullableInputValue(event.input));
      out.push(event.child, event.workflow, event.version);
      return;
  }
}

/** Events of runs that a plain run of tasks does without. */
type RareEvent = Exclude<
  RunEvent,
  RunStarted | StepScheduled | StepCompleted | AttemptFailed | AttemptCancelled | RunEnded
>;

function next(from: ValueReader, atMs: number): JournalEvent {
  const code = from.number();
  if (code === 30) return { type: "shard-claimed", node: from.string() };
  if (code === 31)
    return {
      type: "definition-pinned",
      tenant: tenantId(from.string()),
      workflow: workflowName(from.string()),
      version: from.number(),
      body: from.string(),
    };
  if (isMessageCode(code)) return nextMessageEvent(code, from);
  return code <= 5 ? nextHot(code, from, atMs) : nextRare(code, from, atMs);
}

function nextHot(code: number, from: ValueReader, atMs: number): JournalEvent {
  const id = runId(from.string());
  switch (code) {
    case 1:
      return {
        type: "run-started",
        runId: id,
        tenant: tenantId(from.string()),
        workflow: workflowName(from.string()),
        version: from.number(),
        input: from.payload(),
        idempotencyKey: from.string(),
        inputHash: from.string(),
        traceparent: from.string(),
        stepCount: from.number(),
        parent: nextParent(from),
      };
    case 2:
      return {
        type: "step-scheduled",
        runId: id,
        step: from.number(),
        item: from.number(),
        attempt: from.number(),
        input: from.nullableInput(),
      };
    case 3:
      return {
        type: "step-completed",
        runId: id,
        step: from.number(),
        item: from.number(),
        attempt: from.number(),
        output: from.payload(),
        worker: workerName(from.string()),
        startedMs: instant(from, atMs),
        logs: from.nullablePayload(),
      };
    case 4:
      return {
        type: "attempt-failed",
        runId: id,
        step: from.number(),
        item: from.number(),
        attempt: from.number(),
        failure: from.failure(),
        retryAtMs: instant(from, atMs),
        worker: workerName(from.string()),
        startedMs: instant(from, atMs),
        logs: from.nullablePayload(),
      };
    case 5:
      return { type: "attempt-cancelled", runId: id, step: from.number(), item: from.number(), attempt: from.number() };
    default:
      throw new CodecError(`There is no event ${code}.`);
  }
}

function nextRare(code: number, from: ValueReader, atMs: number): JournalEvent {
  const id = runId(from.string());
  switch (code) {
    case 6:
      return { type: "step-fanned-out", runId: id, step: from.number(), items: from.texts() };
    case 7:
      return { type: "step-joined", runId: id, step: from.number() };
    case 8:
      return { type: "step-skipped", runId: id, step: from.number() };
    case 9:
      return { type: "step-evaluated", runId: id, step: from.number(), output: from.payload() };
    case 10:
      return { type: "step-faulted", runId: id, step: from.number(), item: from.number(), failure: from.failure() };
    case 11:
      return { type: "step-sleeping", runId: id, step: from.number(), untilMs: instant(from, atMs) };
    case 12:
      return { type: "step-woke", runId: id, step: from.number() };
    case 13:
      return {
        type: "step-waiting",
        runId: id,
        step: from.number(),
        signal: from.string(),
        deadlineMs: instant(from, atMs),
      };
    case 14:
      return {
        type: "signal-received",
        runId: id,
        signalId: from.string(),
        name: from.string(),
        payload: from.payload(),
      };
    case 15:
      return { type: "signal-taken", runId: id, step: from.number() };
    case 16:
      return { type: "run-paused", runId: id, reason: from.string() };
    case 17:
      return { type: "run-resumed", runId: id };
    case 18:
      return { type: "cancel-requested", runId: id, reason: from.string(), deadlineMs: instant(from, atMs) };
    case 19:
      return {
        type: "run-ended",
        runId: id,
        status: endStatus(from.string()),
        output: from.nullableInput(),
        failure: from.runFailure(),
        reason: from.string(),
      };
    case 20:
      return { type: "run-retried", runId: id, epoch: from.number(), requestId: from.string() };
    case 21:
      return {
        type: "child-ordered",
        runId: id,
        step: from.number(),
        item: from.number(),
        attempt: from.number(),
        input: from.nullableInput(),
        child: runId(from.string()),
        workflow: workflowName(from.string()),
        version: from.number(),
      };
    default:
      throw new CodecError(`There is no event ${code}.`);
  }
}

function distance(ms: number, atMs: number): Value {
  return ms === 0 ? null : ms - atMs;
}

function instant(from: ValueReader, atMs: number): number {
  return from.isNull() ? 0 : from.number() + atMs;
}
