// What an answer leaves out, noted down where it happens.
import type { Omitted } from "@millrace/rpc/generated/millrace/v1/runs.ts";

/** The sizes among what can be left out. */
export type PayloadField = "inputBytes" | "outputBytes" | "logsBytes" | "progressBytes";

export function nothingLeftOut(): Omitted {
  return {
    inputBytes: 0,
    outputBytes: 0,
    logsBytes: 0,
    progressBytes: 0,
    failedAttempts: 0,
    failureTexts: false,
    items: 0,
  };
}

/** As a message says it: undefined = nothing is left out. */
export function omittedMessage(left: Omitted): Omitted | undefined {
  return leavesPayloadsOut(left) || leavesTextsOut(left) || left.items > 0 ? left : undefined;
}

export function leavesPayloadsOut({ inputBytes, outputBytes, logsBytes, progressBytes }: Omitted): boolean {
  return inputBytes + outputBytes + logsBytes + progressBytes > 0;
}

export function leavesTextsOut({ failedAttempts, failureTexts }: Omitted): boolean {
  return failureTexts || failedAttempts > 0;
}
