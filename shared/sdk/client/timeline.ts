import {
  StepStatus as Status,
  type Attempt as WireAttempt,
  type TimelineStep as WireStep,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";
import type { ParsePayload } from "../parse-payload.ts";
import { decodePayload } from "./payload.ts";
import { type Failure, failureOf, type Omitted, type Run } from "./run.ts";

const STATUS_NAMES = {
  [Status.UNSPECIFIED]: "unknown",
  [Status.PENDING]: "pending",
  [Status.QUEUED]: "queued",
  [Status.RUNNING]: "running",
  [Status.RETRYING]: "retrying",
  [Status.SLEEPING]: "sleeping",
  [Status.WAITING]: "waiting",
  [Status.COMPLETED]: "completed",
  [Status.FAILED]: "failed",
  [Status.SKIPPED]: "skipped",
  [Status.ABANDONED]: "abandoned",
} as const satisfies Record<Status, string>;

/** `abandoned`: given up because the run ended; whether it took effect is unknown. `unknown`: of a newer server. */
export type StepStatus = (typeof STATUS_NAMES)[Status];

/** A failed try. */
export interface FailedAttempt {
  readonly attempt: number;
  readonly scheduleTime: Date | undefined;
  readonly startTime: Date | undefined;
  readonly endTime: Date | undefined;
  /** `name@build`. */
  readonly worker: string;
  readonly failure: Failure | undefined;
  /** What it logged: a list of lines, or undefined. */
  readonly logs: unknown;
  /** What is left out here; undefined = nothing. */
  readonly omitted: Omitted | undefined;
}

/** A step, or one item of it. */
export interface TimelineStep {
  readonly step: string;
  /** Ordinal of the `forEach` item from 0; -1 = the step itself. */
  readonly item: number;
  readonly uses: string;
  readonly status: StepStatus;
  readonly scheduleTime: Date | undefined;
  readonly startTime: Date | undefined;
  readonly endTime: Date | undefined;
  /** How long its last attempt waited for a worker, and ran, ms. Of a `forEach` step: the longest wait of an item. */
  readonly queueMs: number;
  readonly runMs: number;
  /** `name@build` of the worker that settled it. */
  readonly worker: string;
  /** Of a `forEach` step: those of all its items. */
  readonly attempts: number;
  readonly maxAttempts: number;
  /** Undefined when there is none yet, and where `omitted` says so. */
  readonly input: unknown;
  readonly output: unknown;
  readonly failure: Failure | undefined;
  /** The first and the last ten. */
  readonly failedAttempts: readonly FailedAttempt[];
  /** Counts of the ten newest distinct errors. */
  readonly errors: readonly { readonly code: string; readonly message: string; readonly count: number }[];
  /** When the next attempt, the end of a sleep or a signal's deadline is due. */
  readonly dueTime: Date | undefined;
  /** What the last attempt logged: a list of lines, or undefined. */
  readonly logs: unknown;
  /** What the running attempt last reported, or undefined. */
  readonly progress: unknown;
  /** Of a `forEach` step: how many items there are, and where they are. The others are pending. */
  readonly itemsTotal: number;
  readonly itemsCompleted: number;
  readonly itemsFailed: number;
  readonly itemsRetrying: number;
  readonly itemsRunning: number;
  readonly itemsQueued: number;
  readonly itemsAbandoned: number;
  /** What is left out here; undefined = nothing. */
  readonly omitted: Omitted | undefined;
}

/**
 * A run and its steps in topological order, each `forEach` step followed by its items: at most 1,000 of them, those that
 * failed or retry first. `omitted` of the step says how many are left out; `listItems` brings all.
 */
export interface Timeline {
  readonly run: Run;
  readonly steps: readonly TimelineStep[];
}

const STATUS_NUMBERS: ReadonlyMap<StepStatus, Status> = new Map(
  Object.values(Status).map((number) => [STATUS_NAMES[number], number] as const),
);

export function stepStatusNumber(status: StepStatus): Status {
  return STATUS_NUMBERS.get(status) ?? Status.UNSPECIFIED;
}

export function stepOf(wire: WireStep, parse: ParsePayload): TimelineStep {
  return {
    step: wire.step,
    item: wire.item - 1,
    uses: wire.uses,
    status: STATUS_NAMES[wire.status] ?? "unknown",
    scheduleTime: wire.scheduleTime,
    startTime: wire.startTime,
    endTime: wire.endTime,
    queueMs: wire.queueMs,
    runMs: wire.runMs,
    worker: wire.worker,
    attempts: wire.attempts,
    maxAttempts: wire.maxAttempts,
    input: decodePayload(wire.input, parse),
    output: decodePayload(wire.output, parse),
    failure: failureOf(wire.failure),
    failedAttempts: wire.failedAttempts.map((attempt) => attemptOf(attempt, parse)),
    errors: wire.errors.map(({ code, message, count }) => ({ code, message, count })),
    dueTime: wire.dueTime,
    logs: decodePayload(wire.logs, parse),
    progress: decodePayload(wire.progress, parse),
    itemsTotal: wire.itemsTotal,
    itemsCompleted: wire.itemsCompleted,
    itemsFailed: wire.itemsFailed,
    itemsRetrying: wire.itemsRetrying,
    itemsRunning: wire.itemsRunning,
    itemsQueued: wire.itemsQueued,
    itemsAbandoned: wire.itemsAbandoned,
    omitted: wire.omitted,
  };
}

function attemptOf(wire: WireAttempt, parse: ParsePayload): FailedAttempt {
  const { attempt, scheduleTime, startTime, endTime, worker, omitted } = wire;
  const logs = decodePayload(wire.logs, parse);
  return { attempt, scheduleTime, startTime, endTime, worker, failure: failureOf(wire.failure), logs, omitted };
}
