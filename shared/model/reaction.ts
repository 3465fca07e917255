import type { RunId } from "./ids.ts";
import type { RunMessage } from "./messages.ts";
import type { BlobRef } from "./payload.ts";
import type { EndStatus } from "./run-state.ts";

/** Everything the core may ask of the world. Each leaves when the record that makes it true is durable (I1). */
export type Reaction =
  /** Owe a task to a worker. The shell builds it from state when a worker takes it. */
  | {
      readonly type: "dispatch";
      readonly runId: RunId;
      readonly epoch: number;
      readonly step: number;
      readonly item: number;
      readonly attempt: number;
    }
  /** Take back every task of the run: drop what waits, and with `cancel` ask the workers that hold one to stop. */
  | { readonly type: "withdraw"; readonly runId: RunId; readonly cancel: boolean }
  /** Send `timer-due` at or after this time. Extra or stale timers are harmless. */
  | { readonly type: "timer"; readonly runId: RunId; readonly atMs: number }
  /** Send `advance`: a budget ran out before everything ready was scheduled. */
  | { readonly type: "advance"; readonly runId: RunId }
  /** Send `advance` once there is room for messages: a child could not be ordered for want of it. */
  | { readonly type: "await-room"; readonly runId: RunId }
  /** Tell another run. */
  | { readonly type: "send"; readonly message: RunMessage }
  /**
   * Bring the texts of these blobs, which an expression reads, then send `advance`. A run may ask again meanwhile: one load
   * at a time is enough, since its `advance` asks for what is still missing.
   */
  | { readonly type: "load"; readonly runId: RunId; readonly blobs: readonly BlobRef[] }
  | { readonly type: "ended"; readonly runId: RunId; readonly epoch: number; readonly status: EndStatus };

/** The instant a decision is made at, and the only randomness it may use. */
export interface Moment {
  /** Never before the last record's time. */
  readonly nowMs: number;
  /** 32 random bits. */
  readonly seed: number;
}
