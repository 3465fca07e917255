// What failures say, in one answer: the room there is goes to the first ones.

import { cutText } from "@millrace/errors/failure.ts";
import type { Failure } from "@millrace/model/failure.ts";
import type { AttemptLog } from "@millrace/model/run-state.ts";
import { failureMessage } from "@millrace/rpc/failure-message.ts";
import type { Failure as FailureMessage } from "@millrace/rpc/generated/millrace/v1/failures.ts";
import type { Omitted } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { CUT_TEXT_CHARACTERS, TEXT_BYTES_IN_ANSWER_MAX } from "./answer-room.ts";

/** What an attempt or a count of errors takes beside its texts. */
const ENTRY_BYTES = 128;

export class FailureTexts {
  #bytesLeft = TEXT_BYTES_IN_ANSWER_MAX;

  /** A failure, cut when the answer is full. */
  message(failure: Failure, left: Omitted): FailureMessage {
    if (this.#take(textBytes(failure))) return failureMessage(failure);
    const message = cutText(failure.message, CUT_TEXT_CHARACTERS);
    const guidance = cutText(failure.guidance, CUT_TEXT_CHARACTERS);
    left.failureTexts ||= message !== failure.message || guidance !== failure.guidance;
    return failureMessage({ ...failure, message, guidance });
  }

  /** What is told of failed attempts: all that is kept of them, or nothing when the answer is full. */
  attempts(log: AttemptLog | null, left: Omitted): AttemptLog | null {
    if (log === null || this.#take(logBytes(log))) return log;
    left.failedAttempts = 1 + log.recent.length;
    return null;
  }

  #take(bytes: number): boolean {
    if (bytes > this.#bytesLeft) return false;
    this.#bytesLeft -= bytes;
    return true;
  }
}

function textBytes({ message, guidance }: Failure): number {
  return Buffer.byteLength(message) + Buffer.byteLength(guidance);
}

function logBytes({ first, recent, errors }: AttemptLog): number {
  let bytes = 0;
  for (const { worker, failure } of [first, ...recent])
    bytes += ENTRY_BYTES + Buffer.byteLength(worker) + Buffer.byteLength(failure.code) + textBytes(failure);
  for (const { code, message } of errors) bytes += ENTRY_BYTES + Buffer.byteLength(code) + Buffer.byteLength(message);
  return bytes;
}
