// Version 1 of what runs tell each other, within a record's body (events-v1.ts) and within rows of the store. A message is
// a number from the table, its two runs, its tenant, and its fields in this order; numbers are never reused:
//   1 start-child · 2 stop-child · 3 child-started · 4 child-refused · 5 child-ended
import { runId, type Slot, slot, tenantId, workflowName } from "@millrace/model/ids.ts";
import type { ChildPlace, Lane, ParentRef, RunMessage } from "@millrace/model/messages.ts";
import type { MessageEvent } from "@millrace/model/run-events.ts";
import { endStatus } from "./statuses.ts";
import { CodecError, failureValue, type Value, type ValueReader } from "./values.ts";

/** Codes of events about messages. */
const SENT = 32;
const APPLIED = 33;
const ACKED = 34;

const START = 0;
const ANSWER = 1;
const CANCEL = 0;
const TERMINATE = 1;

export function isMessageCode(code: number): boolean {
  return code >= SENT && code <= ACKED;
}

export function pushMessageEvent(out: Value[], event: MessageEvent): void {
  switch (event.type) {
    case "message-sent":
      out.push(SENT, event.number);
      return pushMessage(out, event.message);
    case "message-applied":
      out.push(APPLIED, event.from, event.to, laneCode(event.lane), event.number);
      return;
    case "messages-acked":
      out.push(ACKED, event.from, event.to, laneCode(event.lane), event.upTo);
      return;
  }
}

export function nextMessageEvent(code: number, from: ValueReader): MessageEvent {
  switch (code) {
    case SENT:
      return { type: "message-sent", number: from.number(), message: nextMessage(from) };
    case APPLIED:
      return { type: "message-applied", ...way(from), number: from.number() };
    case ACKED:
      return { type: "messages-acked", ...way(from), upTo: from.number() };
    default:
      throw new CodecError(`There is no event ${code}.`);
  }
}

export function pushMessage(out: Value[], message: RunMessage): void {
  const { from, to, tenant } = message;
  switch (message.type) {
    case "start-child":
      out.push(1, from, to, tenant);
      pushPlace(out, message);
      out.push(message.workflow, message.version);
      return;
    case "stop-child":
      out.push(2, from, to, tenant, message.mode === "cancel" ? CANCEL : TERMINATE);
      return;
    case "child-started":
      out.push(3, from, to, tenant);
      return pushPlace(out, message);
    case "child-refused":
      out.push(4, from, to, tenant);
      pushPlace(out, message);
      out.push(failureValue(message.failure));
      return;
    case "child-ended":
      out.push(5, from, to, tenant);
      pushPlace(out, message);
      out.push(message.status);
      return;
  }
}

export function nextMessage(from: ValueReader): RunMessage {
  const code = from.number();
  const between = { from: runId(from.string()), to: runId(from.string()), tenant: tenantId(from.string()) };
  switch (code) {
    case 1:
      return {
        type: "start-child",
        ...between,
        ...place(from),
        workflow: workflowName(from.string()),
        version: from.number(),
      };
    case 2:
      return { type: "stop-child", ...between, mode: stopMode(from.number()) };
    case 3:
      return { type: "child-started", ...between, ...place(from) };
    case 4:
      return { type: "child-refused", ...between, ...place(from), failure: from.failure() };
    case 5:
      return { type: "child-ended", ...between, ...place(from), status: endStatus(from.string()) };
    default:
      throw new CodecError(`There is no message ${code}.`);
  }
}

export function parentValue(parent: ParentRef | null): Value {
  if (parent === null) return null;
  const { runId: id, epoch, step, item, attempt, stepName, wait, depth } = parent;
  return [id, epoch, step, item, attempt, stepName, wait, depth];
}

export function nextParent(from: ValueReader): ParentRef | null {
  if (from.isNull()) return null;
  const parts = from.list();
  return {
    runId: runId(parts.string()),
    ...place(parts),
    stepName: parts.string(),
    wait: parts.boolean(),
    depth: parts.number(),
  };
}

export function laneCode(lane: Lane): number {
  return lane === "start" ? START : ANSWER;
}

export function laneOfCode(code: number): Lane {
  if (code === START) return "start";
  if (code === ANSWER) return "answer";
  throw new CodecError(`There is no lane ${code}.`);
}

function pushPlace(out: Value[], { epoch, step, item, attempt }: ChildPlace): void {
  out.push(epoch, step, item, attempt);
}

function place(from: ValueReader): ChildPlace {
  return { epoch: from.number(), step: from.number(), item: from.number(), attempt: from.number() };
}

function way(from: ValueReader): { from: Slot; to: Slot; lane: Lane } {
  return { from: slot(from.number()), to: slot(from.number()), lane: laneOfCode(from.number()) };
}

function stopMode(code: number): "cancel" | "terminate" {
  if (code === CANCEL) return "cancel";
  if (code === TERMINATE) return "terminate";
  throw new CodecError(`There is no way ${code} to stop a child.`);
}
