// What the cluster itself says of its runs.
import type { Client } from "@millrace/sdk/client/client.ts";

/** Counting is for a greeting: it should not take seconds. */
const COUNTED_MAX = 10_000;

const PAGE_SIZE = 1_000;

/** What a data folder held when the cluster began. */
export async function foundRuns(client: Client): Promise<string> {
  let total = 0;
  let running = 0;
  for await (const { endTime } of client.listRuns({ pageSize: PAGE_SIZE })) {
    if (total === COUNTED_MAX) return `over ${COUNTED_MAX.toLocaleString("en")} runs found`;
    total += 1;
    if (endTime === undefined) running += 1;
  }
  return total === 0 ? "empty, this is the first start with it" : `${total} runs found, ${running} of them go on`;
}

export interface Claims {
  readonly workflow: string;
  /** When the first of them was started, or before. */
  readonly startedFrom: Date;
  readonly runIds: readonly string[];
}

/** How many of the runs are not among those that the cluster lists as completed. */
export async function unended(client: Client, { workflow, startedFrom, runIds }: Claims): Promise<number> {
  const missing = new Set(runIds);
  const filter = { workflow, startedFrom, status: "completed", pageSize: PAGE_SIZE } as const;
  for await (const { runId } of client.listRuns(filter)) missing.delete(runId);
  return missing.size;
}
