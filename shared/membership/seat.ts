// The coordinator's seat as it is stored: whoever changes it by compare-and-set sits in it.
import { isProcessId } from "@millrace/core/process-id.ts";
import type { ProcessId } from "@millrace/model/ids.ts";
import { Fields, type FormatProblem } from "./fields.ts";

/** Its key in the cluster's common memory. */
export const SEAT_KEY = "coordinator";

export interface Seat {
  /** null = its last holder gave it up. */
  readonly process: ProcessId | null;
  /** From 1; every new holder adds 1. */
  readonly epoch: number;
  /** How many times its holder renewed it. */
  readonly renewals: number;
}

export function printSeat({ process, epoch, renewals }: Seat): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ process, epoch, renewals }));
}

export function parseSeat(bytes: Uint8Array): Seat | FormatProblem {
  return Fields.parse(
    bytes,
    (fields): Seat => ({
      process: fields.textOrNull("process", "a process ID", isProcessId),
      epoch: fields.integer("epoch", 1),
      renewals: fields.integer("renewals", 0),
    }),
  );
}
