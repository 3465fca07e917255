// How failures are treated, on the wire.
import type { Failure } from "@millrace/model/failure.ts";
import { FailureClass, type Failure as FailureMessage } from "./generated/millrace/v1/failures.ts";

const CLASSES = {
  transient: FailureClass.TRANSIENT,
  permanent: FailureClass.PERMANENT,
  uncertain: FailureClass.UNCERTAIN,
} as const;

export function failureMessage(failure: Failure): FailureMessage {
  const { code, message, guidance, retryAfterMs } = failure;
  return { code, class: CLASSES[failure.class], message, guidance, retryAfterMs };
}

/** What is not said, and what a newer version says, counts as transient. */
export function classFromMessage(failureClass: FailureClass): Failure["class"] {
  if (failureClass === FailureClass.PERMANENT) return "permanent";
  return failureClass === FailureClass.UNCERTAIN ? "uncertain" : "transient";
}
