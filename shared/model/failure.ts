/**
 * How a failure is treated. Transient: tried again with backoff. Permanent: never tried again.
 * Uncertain: nobody knows whether it happened; asks a person instead of repeating.
 */
export type FailureClass = "transient" | "permanent" | "uncertain";

/** Why an attempt or a step failed, in words for the workflow's owner. */
export interface Failure {
  /** Stable code in UPPER_SNAKE_CASE, from the catalogue (`shared/errors`) or the worker's own. */
  readonly code: string;
  readonly class: FailureClass;
  /** What happened. At most 4,096 characters. */
  readonly message: string;
  /** What to do about it; empty if the code says all there is. At most 4,096 characters. */
  readonly guidance: string;
  /** The earliest a third party asked to be called again, in ms from now; 0 = it did not say. */
  readonly retryAfterMs: number;
}

/** Where a run failed. */
export interface RunFailure {
  /** Ordinal of the step; -1 for a failure of the run itself. */
  readonly step: number;
  /** Ordinal of the `forEach` item; -1 for none. */
  readonly item: number;
  readonly failure: Failure;
}
