// The seam between the hub and whatever carries its frames: a gRPC stream, or the simulation's own wire.

import type { TenantId } from "@millrace/model/ids.ts";
import type { Payload } from "@millrace/model/payload.ts";
import type { Task, TaskOutcome, TaskToken } from "@millrace/model/task.ts";

/** What a worker says of itself when it connects. Checked by the transport. */
export interface WorkerHello {
  readonly name: string;
  readonly build: string;
  /** 1 to 1,000, without repetition. */
  readonly taskTypes: readonly string[];
  /** Attempts it still works on from an earlier stream. At most {@link CREDITS_MAX}. */
  readonly holding: readonly TaskToken[];
  /** Stands in for the tenant of results nobody here knows the task of. */
  readonly tenant: TenantId;
}

/** What came of an attempt, as the worker reports it. */
export interface ReportedResult extends TaskToken {
  readonly outcome: TaskOutcome;
  readonly logs: Payload | null;
}

/** What the hub has to say to a worker; any part may be empty. */
export interface WorkerFrame {
  readonly tasks: readonly Task[];
  /** Attempts to stop. */
  readonly cancels: readonly TaskToken[];
  /** Numbers of result frames that are durable. */
  readonly settled: readonly number[];
  /** The server is about to stop. */
  readonly draining: boolean;
}

/** How the hub reaches one worker. Nothing here waits. */
export interface WorkerLink {
  /** Sends a frame. false = the wire is full: no more tasks until the transport calls `writable()`. */
  send(frame: WorkerFrame): boolean;
  /** Results are taken again after `report` answered false. */
  resume(): void;
  /** The hub has given the worker up; the transport ends the stream. */
  close(reason: string): void;
}

/** The most tasks one worker may be owed or hold credit for; bounds what a worker's stream can make the hub keep. */
export const CREDITS_MAX = 10_000;

/** How often a worker that holds attempts must send a frame. Three missed ones lose it. */
export const HEARTBEAT_INTERVAL_MS = 5_000;

/** How long a silent worker keeps its attempts. */
export const SILENCE_MS_MAX = 3 * HEARTBEAT_INTERVAL_MS;

/** How long a lost worker may take to come back and keep its attempts: a reconnect with one back-off in it. */
export const RECONNECT_GRACE_MS = 5_000;

/**
 * How long after a start attempts that an earlier process may have given out wait for their workers. A worker that has
 * attempts tries its server once a second at least; the other half is for connecting and announcing them on a busy
 * machine. More would hold up what workers had that died as well; who comes later finds its attempt given to another.
 */
export const WORKERS_BACK_MS = 1_500;

/** Sessions one hub takes: each costs about 2 KiB and a socket. */
export const WORKERS_MAX = 4_096;

/** Results of one session on their way to the shards; above it the session's stream is paused. */
export const RESULTS_IN_FLIGHT_MAX = 2 * CREDITS_MAX;
