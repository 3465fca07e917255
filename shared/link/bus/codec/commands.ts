// Commands in the frames of a gateway.

import { runId, slot, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import { JSON_NULL } from "@millrace/model/payload.ts";
import type {
  MessageContent,
  ReceiveMessage,
  RecordResult,
  RunCommand,
  ShardCommand,
  StartRun,
} from "@millrace/model/run-commands.ts";
import type { TaskOutcome } from "@millrace/model/task.ts";
import { failureMessage } from "@millrace/rpc/failure-message.ts";
import type {
  Command as CommandMessage,
  GatewayFrame,
  RunMessage as MessageMessage,
  RecordResult as ResultMessage,
  StartRun as StartMessage,
} from "@millrace/rpc/generated/millrace/internal/v1/link.ts";
import type { Envelope } from "../../link.ts";
import { failureOf } from "./answers.ts";
import { parentMessage, parentOf, settledChildMessage, settledChildOf } from "./children.ts";
import { blobOf, payloadLength, payloadOf, refMessage, refOf, textOf } from "./payloads.ts";

/** What a command takes in a frame beside its payloads, about. */
const COMMAND_LENGTH = 100;

/** How much room a command takes, about. */
export function commandLength(command: ShardCommand): number {
  switch (command.type) {
    case "start":
      return COMMAND_LENGTH + payloadLength(command.input);
    case "result": {
      const { outcome, logs } = command.result;
      return COMMAND_LENGTH + (outcome.type === "completed" ? payloadLength(outcome.output) : 0) + payloadLength(logs);
    }
    case "signal":
      return COMMAND_LENGTH + payloadLength(command.payload);
    case "child-ended":
      return COMMAND_LENGTH + payloadLength(command.output);
    case "message":
      return COMMAND_LENGTH + (command.content === null ? 0 : commandLength(command.content));
    default:
      return COMMAND_LENGTH;
  }
}

/** Puts a command into a frame under the channel's number for it. */
export function putCommand(frame: GatewayFrame, ref: number, command: ShardCommand, notifyEnd: boolean): void {
  if (command.type === "start") frame.starts.push(startMessage(ref, command, notifyEnd));
  else if (command.type === "result") frame.results.push(resultMessage(ref, command));
  else if (command.type === "message") frame.messages.push(messageMessage(ref, command));
  else frame.commands.push(commandMessage(ref, command));
}

/** Visits a frame's commands; `unknown` gets the numbers of those that only a newer version knows. */
export function readCommands(
  frame: GatewayFrame,
  visit: (envelope: Envelope) => void,
  unknown: (ref: number) => void,
): void {
  for (const message of frame.starts) {
    visit({ ref: message.ref, command: startOf(message), notifyEnd: message.notifyEnd });
  }
  for (const message of frame.results) {
    const command = resultOf(message);
    if (command === undefined) unknown(message.ref);
    else visit({ ref: message.ref, command, notifyEnd: false });
  }
  for (const message of frame.commands) {
    const command = commandOf(message);
    if (command === undefined) unknown(message.ref);
    else visit({ ref: message.ref, command, notifyEnd: false });
  }
  for (const message of frame.messages) {
    const content = contentOf(message);
    if (content === undefined) unknown(message.ref);
    else visit({ ref: message.ref, command: messageOf(message, content), notifyEnd: false });
  }
}

function startMessage(ref: number, command: StartRun, notifyEnd: boolean): StartMessage {
  return {
    ref,
    runId: command.runId,
    tenant: command.tenant,
    workflow: command.workflow,
    version: command.version,
    input: textOf(command.input),
    inputBlob: blobOf(command.input),
    idempotencyKey: command.idempotencyKey,
    inputHash: command.inputHash,
    traceparent: command.traceparent,
    notifyEnd,
    parent: parentMessage(command.parent),
  };
}

function startOf(message: StartMessage): StartRun {
  return {
    type: "start",
    runId: runId(message.runId),
    tenant: tenantId(message.tenant),
    workflow: workflowName(message.workflow),
    version: message.version,
    input: payloadOf(message.input, message.inputBlob) ?? JSON_NULL,
    idempotencyKey: message.idempotencyKey,
    inputHash: message.inputHash,
    traceparent: message.traceparent,
    parent: parentOf(message.parent),
  };
}

function resultMessage(ref: number, { tenant, runId: run, result }: RecordResult): ResultMessage {
  const { outcome } = result;
  const output = outcome.type === "completed" ? outcome.output : null;
  return {
    ref,
    runId: run,
    epoch: result.epoch,
    step: result.step,
    item: result.item + 1,
    attempt: result.attempt,
    tenant,
    output: textOf(output),
    outputBlob: blobOf(output),
    failure: outcome.type === "failed" ? failureMessage(outcome.failure) : undefined,
    cancelled: outcome.type === "cancelled",
    worker: result.worker,
    startedMs: result.startedMs,
    logs: textOf(result.logs),
    logsBlob: blobOf(result.logs),
  };
}

function resultOf(message: ResultMessage): RecordResult | undefined {
  const outcome = outcomeOf(message);
  if (outcome === undefined) return undefined;
  const run = runId(message.runId);
  return {
    type: "result",
    tenant: tenantId(message.tenant),
    runId: run,
    result: {
      runId: run,
      epoch: message.epoch,
      step: message.step,
      item: message.item - 1,
      attempt: message.attempt,
      outcome,
      worker: workerName(message.worker),
      startedMs: message.startedMs,
      logs: payloadOf(message.logs, message.logsBlob),
    },
  };
}

/** undefined = one that only a newer version knows. */
function outcomeOf(message: ResultMessage): TaskOutcome | undefined {
  const output = payloadOf(message.output, message.outputBlob);
  if (output !== null) return { type: "completed", output };
  if (message.failure !== undefined) return { type: "failed", failure: failureOf(message.failure) };
  return message.cancelled ? { type: "cancelled" } : undefined;
}

type OtherCommand = Exclude<RunCommand, StartRun | RecordResult>;

function commandMessage(ref: number, command: OtherCommand): CommandMessage {
  return { ref, runId: command.runId, tenant: command.tenant, order: orderOf(command) };
}

function orderOf(command: OtherCommand): CommandMessage["order"] {
  switch (command.type) {
    case "signal": {
      const { signalId, name, payload } = command;
      const value = { signalId, name, payload: textOf(payload), payloadBlob: blobOf(payload) };
      return { $case: "signal", value };
    }
    case "cancel":
    case "terminate":
    case "pause":
      return { $case: command.type, value: command.reason };
    case "retry":
      return { $case: "retry", value: command.requestId };
    case "resume":
      return { $case: "resume", value: true };
    case "advance":
      return { $case: "advance", value: { lost: command.lost.map(refMessage) } };
    case "timer-due":
      return { $case: "timerDue", value: true };
    case "child-ended":
      return { $case: "childEnded", value: settledChildMessage(command) };
  }
}

/** undefined = one that only a newer version knows. */
function commandOf({ runId: run, tenant: owner, order }: CommandMessage): OtherCommand | undefined {
  const to = { runId: runId(run), tenant: tenantId(owner) };
  switch (order?.$case) {
    case "signal": {
      const { signalId, name, payload, payloadBlob } = order.value;
      return { type: "signal", ...to, signalId, name, payload: payloadOf(payload, payloadBlob) ?? JSON_NULL };
    }
    case "cancel":
    case "terminate":
    case "pause":
      return { type: order.$case, ...to, reason: order.value };
    case "retry":
      return { type: "retry", ...to, requestId: order.value };
    case "resume":
      return { type: "resume", ...to };
    case "advance":
      return { type: "advance", ...to, lost: order.value.lost.map(refOf) };
    case "timerDue":
      return { type: "timer-due", ...to };
    case "childEnded":
      return settledChildOf(to, order.value);
    case undefined:
      return undefined;
  }
}

function messageMessage(ref: number, message: ReceiveMessage): MessageMessage {
  const { runId: run, tenant, from, lane, number, content } = message;
  return { ref, runId: run, tenant, from, answer: lane === "answer", number, content: contentMessage(content) };
}

/** What a message holds is answered as the message: it has no number of its own. */
function contentMessage(content: MessageContent): MessageMessage["content"] {
  if (content === null) return { $case: "nothing", value: true };
  if (content.type === "start") return { $case: "start", value: startMessage(0, content, false) };
  return { $case: "command", value: commandMessage(0, content) };
}

function messageOf(message: MessageMessage, content: MessageContent): ReceiveMessage {
  const { runId: run, tenant, from, answer, number } = message;
  const lane = answer ? "answer" : "start";
  return { type: "message", runId: runId(run), tenant: tenantId(tenant), from: slot(from), lane, number, content };
}

/** undefined = one that only a newer version knows, or that no message holds. */
function contentOf({ content }: MessageMessage): MessageContent | undefined {
  switch (content?.$case) {
    case "start":
      return startOf(content.value);
    case "command": {
      const command = commandOf(content.value);
      const isContent = command?.type === "cancel" || command?.type === "terminate" || command?.type === "child-ended";
      return isContent ? command : undefined;
    }
    case "nothing":
      return null;
    case undefined:
      return undefined;
  }
}
