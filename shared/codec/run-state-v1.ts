// Version 1 of a run's folded state: a flat list, canonical (I5: the same state always gives the same bytes). Times are
// distances from the run's start; 0 stands for "never" and is null. A step is a number from the table and its fields:
//   0 pending · 1 skipped · 2 done · 3 faulted · 4 sleeping · 5 waiting · 6 items
//   10 scheduled · 11 backoff · 12 completed · 13 failed · 14 abandoned   (an item never scheduled: null)
import { runId, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import type { Payload } from "@millrace/model/payload.ts";
import type {
  BufferedSignal,
  OpenChild,
  RequestedRetry,
  RunHead,
  RunState,
  RunStatus,
  StepItems,
  StepState,
  TaskState,
} from "@millrace/model/run-state.ts";
import { distance, instant, logValue, readLog, someLog } from "./attempt-log-v1.ts";
import { nextParent, parentValue } from "./messages-v1.ts";
import {
  CodecError,
  failureValue,
  inputValue,
  nullableInputValue,
  nullablePayloadValue,
  packValues,
  payloadValue,
  runFailureValue,
  type Value,
  ValueReader,
} from "./values.ts";

const VERSION = 1;
/** How many values stand before the signals. */
const HEAD_VALUES = 24;
/** A step nobody touched yet; one object for all, as in `evolve`. */
const PENDING: StepState = { status: "pending" };

export function encodeRunState(run: RunState): Buffer {
  const base = run.startedMs;
  const out: Value[] = [VERSION, run.runId, run.tenant, run.workflow, run.version, run.status, run.epoch, base];
  out.push(payloadValue(run.input), nullableInputValue(run.output), runFailureValue(run.failure), run.reason);
  out.push(run.idempotencyKey, run.inputHash, run.traceparent);
  out.push(run.epochStartedMs - base, distance(run.endedMs, base), distance(run.cancelDeadlineMs, base));
  out.push(run.openSteps, run.openAttempts, run.stateBytes);
  out.push(run.retries.length === 0 ? null : run.retries.map(({ requestId, epoch }) => [requestId, epoch]));
  out.push(parentValue(run.parent), run.children === null ? null : childValues(run.children));
  out.push(run.signals.length === 0 ? null : run.signals.map((signal) => [signal.name, payloadValue(signal.payload)]));
  out.push(run.signalIds.length === 0 ? null : [...run.signalIds]);
  out.push(run.steps.length);
  for (const step of run.steps) pushStep(out, step, base);
  return packValues(out);
}

/** Throws {@link CodecError}. */
export function decodeRunState(bytes: Uint8Array): RunState {
  const from = ValueReader.of(bytes);
  const run = readHead(from);
  run.signals = signals(from);
  run.signalIds = strings(from);
  const base = run.startedMs;
  const steps = from.number();
  for (let step = 0; step < steps; step++) run.steps.push(readStep(from, base));
  if (!from.done) throw new CodecError(`The state of run ${run.runId} goes on behind its last step.`);
  return run;
}

/** What an encoded state says before its signals and steps, which are not looked at. Throws {@link CodecError}. */
export function decodeRunHead(bytes: Uint8Array): RunHead {
  return readHead(ValueReader.head(bytes, HEAD_VALUES));
}

/** A run whose signals and steps are still to be read. */
function readHead(from: ValueReader): RunState {
  const version = from.number();
  if (version !== VERSION) throw new CodecError(`Run state of version ${version}; this build reads ${VERSION}.`);
  const id = runId(from.string());
  const tenant = tenantId(from.string());
  const workflow = workflowName(from.string());
  const definitionVersion = from.number();
  const status = runStatus(from.string());
  const epoch = from.number();
  const base = from.number();
  return {
    runId: id,
    tenant,
    workflow,
    version: definitionVersion,
    status,
    epoch,
    input: from.payload(),
    output: from.nullableInput(),
    failure: from.runFailure(),
    reason: from.string(),
    idempotencyKey: from.string(),
    inputHash: from.string(),
    traceparent: from.string(),
    startedMs: base,
    epochStartedMs: from.number() + base,
    endedMs: instant(from, base),
    cancelDeadlineMs: instant(from, base),
    openSteps: from.number(),
    openAttempts: from.number(),
    stateBytes: from.number(),
    retries: retries(from),
    parent: nextParent(from),
    children: children(from),
    signals: [],
    signalIds: [],
    steps: [],
  };
}

function pushStep(out: Value[], step: StepState, base: number): void {
  switch (step.status) {
    case "pending":
      out.push(0);
      return;
    case "skipped":
      out.push(1, step.atMs - base);
      return;
    case "done":
      out.push(2, step.sinceMs - base, step.endedMs - base, payloadValue(step.output));
      return;
    case "faulted":
      out.push(3, step.sinceMs - base, step.endedMs - base, failureValue(step.failure));
      return;
    case "sleeping":
      out.push(4, step.sinceMs - base, step.untilMs - base);
      return;
    case "waiting":
      out.push(5, step.sinceMs - base, step.signal, distance(step.deadlineMs, base));
      return;
    case "fanned-out":
    case "joined":
    case "items-failed":
      return pushItems(out, step, base);
    default:
      return pushTask(out, step, base);
  }
}

function pushItems(out: Value[], items: StepItems, base: number): void {
  out.push(6, items.status, items.sinceMs - base, distance(items.endedMs, base), items.items);
  out.push(items.next, items.open, items.completed, items.tasks.length);
  for (const task of items.tasks) {
    if (task === null) out.push(null);
    else pushTask(out, task, base);
  }
}

function pushTask(out: Value[], task: TaskState, base: number): void {
  const input = inputValue(task.input);
  const first = task.firstScheduledMs - base;
  switch (task.status) {
    case "scheduled":
      out.push(10, task.attempt, task.keyEpoch, input, first, task.scheduledMs - base, logValue(task.log, base));
      return;
    case "backoff":
      out.push(11, task.attempt, task.keyEpoch, input, first, task.retryAtMs - base, logValue(task.log, base));
      return;
    case "completed":
      out.push(12, task.attempt, task.keyEpoch, input, first, task.scheduledMs - base, distance(task.startedMs, base));
      out.push(task.endedMs - base, task.worker, payloadValue(task.output), nullablePayloadValue(task.logs));
      out.push(logValue(task.log, base));
      return;
    case "failed":
      out.push(13, task.attempt, task.keyEpoch, input, first, task.endedMs - base, failureValue(task.failure));
      out.push(logValue(task.log, base));
      return;
    case "abandoned":
      out.push(14, task.attempt, task.keyEpoch, input, first, task.endedMs - base, logValue(task.log, base));
      out.push(task.child);
      return;
  }
}

function readStep(from: ValueReader, base: number): StepState {
  const code = from.number();
  switch (code) {
    case 0:
      return PENDING;
    case 1:
      return { status: "skipped", atMs: from.number() + base };
    case 2:
      return {
        status: "done",
        sinceMs: from.number() + base,
        endedMs: from.number() + base,
        output: from.payload(),
      };
    case 3:
      return {
        status: "faulted",
        sinceMs: from.number() + base,
        endedMs: from.number() + base,
        failure: from.failure(),
      };
    case 4:
      return { status: "sleeping", sinceMs: from.number() + base, untilMs: from.number() + base };
    case 5:
      return {
        status: "waiting",
        sinceMs: from.number() + base,
        signal: from.string(),
        deadlineMs: instant(from, base),
      };
    case 6:
      return readItems(from, base);
    default:
      return readTask(code, from, base);
  }
}

function readItems(from: ValueReader, base: number): StepItems {
  const status = from.string();
  if (status !== "fanned-out" && status !== "joined" && status !== "items-failed")
    throw new CodecError(`There is no state ${status} of items.`);
  const sinceMs = from.number() + base;
  const endedMs = instant(from, base);
  const items = from.texts();
  const next = from.number();
  const open = from.number();
  const completed = from.number();
  const count = from.number();
  const tasks: (TaskState | null)[] = [];
  let outputBytes = 0;
  for (let item = 0; item < count; item++) {
    const task = from.isNull() ? null : readTask(from.number(), from, base);
    tasks.push(task);
    if (task?.status === "completed") outputBytes += 1 + bytesOf(task.output);
  }
  return { status, sinceMs, endedMs, items, tasks, next, open, completed, outputBytes };
}

function bytesOf(payload: Payload): number {
  return typeof payload === "string" ? Buffer.byteLength(payload) : payload.bytes;
}

function readTask(code: number, from: ValueReader, base: number): TaskState {
  const attempt = from.number();
  const keyEpoch = from.number();
  const input = from.input();
  const firstScheduledMs = from.number() + base;
  switch (code) {
    case 10:
      return {
        status: "scheduled",
        attempt,
        keyEpoch,
        input,
        firstScheduledMs,
        scheduledMs: from.number() + base,
        log: readLog(from, base),
      };
    case 11:
      return {
        status: "backoff",
        attempt,
        keyEpoch,
        input,
        firstScheduledMs,
        retryAtMs: from.number() + base,
        log: someLog(from, base),
      };
    case 12:
      return {
        status: "completed",
        attempt,
        keyEpoch,
        input,
        firstScheduledMs,
        scheduledMs: from.number() + base,
        startedMs: instant(from, base),
        endedMs: from.number() + base,
        worker: workerName(from.string()),
        output: from.payload(),
        logs: from.nullablePayload(),
        log: readLog(from, base),
      };
    case 13:
      return {
        status: "failed",
        attempt,
        keyEpoch,
        input,
        firstScheduledMs,
        endedMs: from.number() + base,
        failure: from.failure(),
        log: someLog(from, base),
      };
    case 14:
      return {
        status: "abandoned",
        attempt,
        keyEpoch,
        input,
        firstScheduledMs,
        endedMs: from.number() + base,
        log: readLog(from, base),
        child: from.isNull() ? null : runId(from.string()),
      };
    default:
      throw new CodecError(`There is no step state ${code}.`);
  }
}

function signals(from: ValueReader): BufferedSignal[] {
  if (from.isNull()) return [];
  const parts = from.list();
  const buffered: BufferedSignal[] = [];
  while (!parts.done) {
    const signal = parts.list();
    buffered.push({ name: signal.string(), payload: signal.payload() });
  }
  return buffered;
}

function retries(from: ValueReader): RequestedRetry[] {
  if (from.isNull()) return [];
  const parts = from.list();
  const requested: RequestedRetry[] = [];
  while (!parts.done) {
    const retry = parts.list();
    requested.push({ requestId: retry.string(), epoch: retry.number() });
  }
  return requested;
}

function childValues(open: readonly OpenChild[]): Value {
  return open.map(({ step, item, child }) => [step, item, child]);
}

function children(from: ValueReader): OpenChild[] | null {
  if (from.isNull()) return null;
  const parts = from.list();
  const open: OpenChild[] = [];
  while (!parts.done) {
    const each = parts.list();
    open.push({ step: each.number(), item: each.number(), child: runId(each.string()) });
  }
  return open;
}

function strings(from: ValueReader): string[] {
  if (from.isNull()) return [];
  const parts = from.list();
  const texts: string[] = [];
  while (!parts.done) texts.push(parts.string());
  return texts;
}

function runStatus(text: string): RunStatus {
  switch (text) {
    case "running":
    case "paused":
    case "cancelling":
    case "completed":
    case "failed":
    case "cancelled":
    case "timed-out":
    case "terminated":
      return text;
    default:
      throw new CodecError(`There is no run status ${text}.`);
  }
}
