import type { Client } from "@millrace/sdk/client/client.ts";

/** What a data folder held when the demo began. */
export interface FoundRuns {
  readonly total: number;
  /** Whether there are more than were counted. */
  readonly more: boolean;
  /** IDs of runs that had not ended. */
  readonly unfinished: readonly string[];
}

/** Counting is for a greeting: it should not take seconds. */
const COUNTED_MAX = 10_000;
const PAGE_SIZE = 1_000;

export async function findRuns(client: Client): Promise<FoundRuns> {
  const unfinished: string[] = [];
  let total = 0;
  for await (const { runId, endTime } of client.listRuns({ pageSize: PAGE_SIZE })) {
    if (total === COUNTED_MAX) return { total, more: true, unfinished };
    total += 1;
    if (endTime === undefined) unfinished.push(runId);
  }
  return { total, more: false, unfinished };
}
