import type { Log } from "@millrace/telemetry/logger.ts";

/** Runs until SIGINT or SIGTERM, then stops gracefully; a second signal ends the process at once. */
export async function untilStopped(log: Log, stop: () => Promise<void>): Promise<void> {
  const signal = await new Promise<string>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  log.info("Stopping; once more ends the process at once.", { signal });
  const impatient = (): void => process.exit(130);
  process.once("SIGINT", impatient);
  process.once("SIGTERM", impatient);
  await stop();
  process.exit(0);
}
