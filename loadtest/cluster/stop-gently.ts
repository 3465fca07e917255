import type { StartedProcess } from "@millrace/testing/process.ts";

/** How long a process may take to hand over and to leave; what it does not get done the next start does. */
const STOP_MS = 15_000;

/** Asks a process to stop, and ends it if it does not. */
export async function stopGently(process: StartedProcess): Promise<void> {
  const timer = setTimeout(() => process.signal("SIGKILL"), STOP_MS);
  await process.kill("SIGTERM");
  clearTimeout(timer);
}
