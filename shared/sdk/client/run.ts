// Runs as users see them: names instead of numbers, values instead of bytes.
import type { EndStatus, RunStatus } from "@millrace/model/run-state.ts";
import { FailureClass, type Failure as WireFailure } from "@millrace/rpc/generated/millrace/v1/failures.ts";
import {
  RunStatus as Status,
  type RunEnd as WireEnd,
  type Run as WireRun,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";
import type { ParsePayload } from "../parse-payload.ts";
import { decodePayload } from "./payload.ts";

/** Why an attempt, a step or a run failed. */
export interface Failure {
  /** Millrace's own (docs/errors) or the worker's. */
  readonly code: string;
  /** `unclassified`: the worker did not say; treated as transient. */
  readonly class: "transient" | "permanent" | "uncertain" | "unclassified";
  readonly message: string;
  /** What to do about it; may be empty. */
  readonly guidance: string;
}

/** What an answer leaves out, so that it is not taken for empty. */
export interface Omitted {
  /** Sizes of payloads, bytes; 0 = it is not left out. */
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly logsBytes: number;
  readonly progressBytes: number;
  /** Failed attempts, and with them the counts of errors. */
  readonly failedAttempts: number;
  /** Whether message and guidance of the failure are cut. */
  readonly failureTexts: boolean;
  /** Items of a `forEach` step; `listItems` brings them. */
  readonly items: number;
}

/** One execution of a workflow. */
export interface Run {
  readonly runId: string;
  readonly workflow: string;
  readonly version: number;
  readonly status: RunStatus;
  /** Counts retries of the whole run, from 1. */
  readonly epoch: number;
  readonly tenant: string;
  readonly startTime: Date;
  /** Undefined while it lives. */
  readonly endTime: Date | undefined;
  /** Undefined in lists, and where `omitted` says so. */
  readonly input: unknown;
  /** Undefined unless completed, in lists, and where `omitted` says so. */
  readonly output: unknown;
  /** Why it failed; while it retries, the newest error. */
  readonly failure: Failure | undefined;
  /** The step that failed, or retries; empty if none. */
  readonly failedStep: string;
  /** Why it was paused, cancelled or terminated. */
  readonly reason: string;
  readonly retryingSteps: number;
  readonly nextAttemptTime: Date | undefined;
  readonly idempotencyKey: string;
  readonly stepsTotal: number;
  readonly stepsSettled: number;
  /** What is left out here; undefined = nothing. Lists say nothing of payloads. */
  readonly omitted: Omitted | undefined;
}

/** How a run ended. */
export interface RunEnd {
  readonly runId: string;
  readonly status: EndStatus;
  /** Null unless completed. */
  readonly output: unknown;
  readonly failure: Failure | undefined;
  readonly failedStep: string;
  readonly endTime: Date;
}

const STATUS_NAMES: ReadonlyMap<Status, RunStatus> = new Map<Status, RunStatus>([
  [Status.RUNNING, "running"],
  [Status.PAUSED, "paused"],
  [Status.CANCELLING, "cancelling"],
  [Status.COMPLETED, "completed"],
  [Status.FAILED, "failed"],
  [Status.CANCELLED, "cancelled"],
  [Status.TIMED_OUT, "timed-out"],
  [Status.TERMINATED, "terminated"],
]);

const STATUS_NUMBERS: ReadonlyMap<RunStatus, Status> = new Map(
  Array.from(STATUS_NAMES, ([number, name]) => [name, number] as const),
);

export function statusNumber(status: RunStatus | undefined): Status {
  return (status === undefined ? undefined : STATUS_NUMBERS.get(status)) ?? Status.UNSPECIFIED;
}

export function runOf(wire: WireRun, parse: ParsePayload): Run {
  return {
    runId: wire.runId,
    workflow: wire.workflow,
    version: wire.version,
    status: statusNameOf(wire.status),
    epoch: wire.epoch,
    tenant: wire.tenant,
    startTime: wire.startTime ?? new Date(0),
    endTime: wire.endTime,
    input: decodePayload(wire.input, parse),
    output: decodePayload(wire.output, parse),
    failure: failureOf(wire.failure),
    failedStep: wire.failedStep,
    reason: wire.reason,
    retryingSteps: wire.retryingSteps,
    nextAttemptTime: wire.nextAttemptTime,
    idempotencyKey: wire.idempotencyKey,
    stepsTotal: wire.stepsTotal,
    stepsSettled: wire.stepsSettled,
    omitted: wire.omitted,
  };
}

export function runEndOf(wire: WireEnd, parse: ParsePayload): RunEnd {
  const { runId, failedStep, endTimeMs } = wire;
  const output = decodePayload(wire.output, parse) ?? null;
  const status = statusNameOf(wire.status);
  if (status === "running" || status === "paused" || status === "cancelling") {
    throw new Error(`The server sent the end of run ${runId}, which is ${status}.`);
  }
  return { runId, status, output, failure: failureOf(wire.failure), failedStep, endTime: new Date(endTimeMs) };
}

export function failureOf(wire: WireFailure | undefined): Failure | undefined {
  if (wire === undefined) return undefined;
  const { code, message, guidance } = wire;
  return { code, class: classOf(wire.class), message, guidance };
}

function classOf(failureClass: FailureClass): Failure["class"] {
  switch (failureClass) {
    case FailureClass.TRANSIENT:
      return "transient";
    case FailureClass.PERMANENT:
      return "permanent";
    case FailureClass.UNCERTAIN:
      return "uncertain";
    case FailureClass.UNSPECIFIED:
      return "unclassified";
  }
}

function statusNameOf(status: Status): RunStatus {
  const name = STATUS_NAMES.get(status);
  if (name === undefined) throw new Error(`The server sent the run status ${status}, which this client does not know.`);
  return name;
}
