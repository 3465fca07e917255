import type { Client } from "@millrace/sdk/client/client.ts";
import type { Run } from "@millrace/sdk/client/run.ts";
import { EXIT } from "../../exit-codes.ts";
import type { Output } from "../../terminal/output.ts";
import { runLine } from "../../terminal/timeline-table.ts";

/** Waits until the run has ended, through restarts of the server, and prints the end. Gives the exit status. */
export async function followToEnd(client: Client, output: Output, runId: string): Promise<number> {
  for await (const { run } of client.watchRun(runId)) {
    if (run.endTime !== undefined) break;
  }
  const run = await client.getRun(runId);
  const { columns, colours } = output;
  const said = [runLine(run, { columns, colours, nowMs: Date.now() }), ...endLines(run)];
  output.result({
    terminal: said.join("\n"),
    plain: [run.runId, run.status, JSON.stringify(run.output ?? null)],
    json: run,
  });
  return run.status === "completed" ? EXIT.done : EXIT.failed;
}

function endLines({ failure, failedStep, output }: Run): string[] {
  if (failure === undefined) return [JSON.stringify(output ?? null, null, 2)];
  const guidance = failure.guidance === "" ? [] : [`next: ${failure.guidance}`];
  return [`${failedStep}: ${failure.code} ${failure.message}`, ...guidance];
}
