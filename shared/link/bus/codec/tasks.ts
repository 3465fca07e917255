// Attempts in frames: as tasks, and by name.

import { runId, tenantId, workflowName } from "@millrace/model/ids.ts";
import { JSON_NULL } from "@millrace/model/payload.ts";
import type { OwedAttempt, Task, TaskToken } from "@millrace/model/task.ts";
import type {
  AttemptRef,
  HeldAttempt as HeldMessage,
  OwedAttempt as OwedMessage,
  Task as TaskMessage,
} from "@millrace/rpc/generated/millrace/internal/v1/link.ts";
import type { HeldAttempt } from "../../link.ts";
import { blobOf, itemsOf, passedOf, payloadLength, textOf } from "./payloads.ts";

/** What an attempt's name takes in a frame, about. */
export const TOKEN_LENGTH = 32;
/** What a task takes beside its input, about. */
const TASK_LENGTH = 160;

/** How much room a task takes, about. */
export function taskLength({ input }: Task): number {
  return TASK_LENGTH + payloadLength(input);
}

export function taskMessage(task: Task): TaskMessage {
  return {
    runId: task.runId,
    epoch: task.epoch,
    step: task.step,
    item: task.item + 1,
    attempt: task.attempt,
    taskType: task.taskType,
    input: textOf(task.input),
    inputBlob: blobOf(task.input),
    inputItems: itemsOf(task.input),
    idempotencyKey: task.idempotencyKey,
    timeoutMs: task.timeoutMs,
    stepName: task.stepName,
    workflow: task.workflow,
    tenant: task.tenant,
  };
}

export function taskOf(message: TaskMessage): Task {
  return {
    runId: runId(message.runId),
    epoch: message.epoch,
    step: message.step,
    item: message.item - 1,
    attempt: message.attempt,
    tenant: tenantId(message.tenant),
    workflow: workflowName(message.workflow),
    stepName: message.stepName,
    taskType: message.taskType,
    input: passedOf(message.input, message.inputBlob, message.inputItems) ?? JSON_NULL,
    idempotencyKey: message.idempotencyKey,
    timeoutMs: message.timeoutMs,
  };
}

export function tokenMessage({ runId: run, epoch, step, item, attempt }: TaskToken): AttemptRef {
  return { runId: run, epoch, step, item: item + 1, attempt };
}

export function tokenOf({ runId: run, epoch, step, item, attempt }: AttemptRef): TaskToken {
  return { runId: runId(run), epoch, step, item: item - 1, attempt };
}

export function heldMessage(held: HeldAttempt): HeldMessage {
  const { runId: run, epoch, step, item, attempt, isKnown, isPresent } = held;
  return { runId: run, epoch, step, item: item + 1, attempt, unknown: !isKnown, absent: !isPresent };
}

export function heldOf(message: HeldMessage): HeldAttempt {
  return { ...tokenOf(message), isKnown: !message.unknown, isPresent: !message.absent };
}

export function owedMessage(owed: OwedAttempt): OwedMessage {
  const { runId: run, epoch, step, item, attempt, tenant, timeoutMs } = owed;
  return { runId: run, epoch, step, item: item + 1, attempt, tenant, timeoutMs };
}

export function owedOf({ runId: run, epoch, step, item, attempt, tenant, timeoutMs }: OwedMessage): OwedAttempt {
  return { runId: runId(run), epoch, step, item: item - 1, attempt, tenant: tenantId(tenant), timeoutMs };
}
