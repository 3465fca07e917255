import type { Log } from "@millrace/telemetry/logger.ts";
import { EXIT } from "./exit-codes.ts";

/** Runs until SIGINT or SIGTERM, then stops gracefully; a second signal ends the process at once. */
export async function untilStopped(log: Log, stop: () => Promise<void>): Promise<void> {
  const signal = await new Promise<string>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  log.info("Stopping; once more ends the process at once.", { signal });
  process.once("SIGINT", endNow);
  process.once("SIGTERM", endNow);
  await stop();
  process.exit(0);
}

function endNow(): void {
  process.exit(EXIT.interrupted);
}
