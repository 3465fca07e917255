// What one run tells another. A message is journaled with the event that asks for it, so it is small: it names things, and
// whoever sends it looks up what they stand for. Slots decide which shards it goes between.
import type { Failure } from "./failure.ts";
import type { RunId, TenantId, WorkflowName } from "./ids.ts";
import type { EndStatus } from "./run-state.ts";

/** Which step, item and attempt of which epoch of a run a child belongs to. */
export interface ChildPlace {
  readonly epoch: number;
  /** Ordinal of the step in the parent's definition. */
  readonly step: number;
  /** Ordinal of the `forEach` item; -1 for none. */
  readonly item: number;
  /** From 1. */
  readonly attempt: number;
}

/** The run that ordered this one, as a child keeps it. */
export interface ParentRef extends ChildPlace {
  readonly runId: RunId;
  /** The step's name, for people. */
  readonly stepName: string;
  /** Whether the parent waits for the end; else it was told of the start and wants to hear no more. */
  readonly wait: boolean;
  /** How many parents are above: 1 for a child of a run that nobody ordered. At most CHILD_DEPTH_MAX. */
  readonly depth: number;
}

/** Who speaks to whom. Both runs are of the tenant. */
interface Addressed {
  readonly from: RunId;
  readonly to: RunId;
  readonly tenant: TenantId;
}

/** Parent to child: begin. The input is the parent's recorded one, looked up when the message is sent. */
export interface StartChild extends Addressed, ChildPlace {
  readonly type: "start-child";
  readonly workflow: WorkflowName;
  /** 0 = the newest. */
  readonly version: number;
}

/** Parent to child: stop. */
export interface StopChild extends Addressed {
  readonly type: "stop-child";
  readonly mode: "cancel" | "terminate";
}

/** Child to parent that does not wait: it has durably begun. */
export interface ChildStarted extends Addressed, ChildPlace {
  readonly type: "child-started";
}

/** From where the child would be to its parent: it cannot begin. */
export interface ChildRefused extends Addressed, ChildPlace {
  readonly type: "child-refused";
  readonly failure: Failure;
}

/** Child to parent that waits: it ended. Output or failure are looked up when the message is sent. */
export interface ChildEnded extends Addressed, ChildPlace {
  readonly type: "child-ended";
  readonly status: EndStatus;
}

export type RunMessage = StartChild | StopChild | ChildStarted | ChildRefused | ChildEnded;

/**
 * Messages of a lane between two slots stay in order. `start` may wait for room at the receiver, `answer` never does: in one
 * lane, starts that wait could hold up the very answers that make room.
 */
export type Lane = "start" | "answer";

export const LANES: readonly Lane[] = ["start", "answer"];
