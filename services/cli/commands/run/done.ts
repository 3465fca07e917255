import type { Output } from "../../terminal/output.ts";

/** What a command says that changed a run's status. */
export function printDone(output: Output, runId: string, status: string): void {
  output.result({ terminal: `Run ${runId} is ${status}.`, plain: [runId, status], json: { runId, status } });
}
