// How a shard turns callers away.
import { DEFINITION_BYTES_MAX } from "@millrace/model/definition.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { StartRun } from "@millrace/model/run-commands.ts";
import { OVERLOAD_RETRY_MS } from "./limits.ts";

/** A full disk is made room on by people: callers need not hurry. */
const DISK_FULL_RETRY_MS = 2000;
/** Reading memory back takes well below a second. */
const UNAVAILABLE_RETRY_MS = 100;

export function overloaded(message: string): Refusal {
  const fix = "Come back after the delay; add shards or nodes if this lasts.";
  return { code: "SHARD_OVERLOADED", field: "", message, fix, retryDelayMs: OVERLOAD_RETRY_MS };
}

export function diskFull(): Refusal {
  const message = "The disk is full: nothing can be made durable, so nothing is taken in.";
  const fix = "Make room on the disk of the data folder; the shard goes on by itself.";
  return { code: "DISK_FULL", field: "", message, fix, retryDelayMs: DISK_FULL_RETRY_MS };
}

export function unavailable(message: string): Refusal {
  const fix = "Ask again after the delay; with an idempotency key nothing happens twice.";
  return { code: "SHARD_UNAVAILABLE", field: "", message, fix, retryDelayMs: UNAVAILABLE_RETRY_MS };
}

export function workflowNotFound(command: StartRun): Refusal {
  return {
    code: "WORKFLOW_NOT_FOUND",
    field: "workflow",
    message: `There is no workflow ${command.workflow} of version ${command.version}.`,
    fix: "Register it, or list the workflows there are.",
    retryDelayMs: 0,
  };
}

export function workflowTooLarge({ workflow, version }: StartRun): Refusal {
  return {
    code: "WORKFLOW_INVALID",
    field: "workflow",
    message: `Version ${version} of ${workflow} has more than ${DEFINITION_BYTES_MAX} bytes of JSON.`,
    fix: "Pass large data as the run's input, and register the workflow without it.",
    retryDelayMs: 0,
  };
}

export function keyReused(command: StartRun): Refusal {
  return {
    code: "IDEMPOTENCY_KEY_REUSED",
    field: "idempotency_key",
    message: `The key ${command.idempotencyKey} started a run with another workflow or input.`,
    fix: "Use a new key for new work, and the same workflow and input to repeat a call.",
    retryDelayMs: 0,
  };
}
