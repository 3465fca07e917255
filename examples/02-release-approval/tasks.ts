import { PermanentError } from "@millrace/sdk/worker/task-errors.ts";
import type { Worker } from "@millrace/sdk/worker/worker.ts";

/** The task type of this workflow. */
export function handleReleaseApproval(worker: Worker): void {
  worker.handle<{ readonly version?: unknown }>("examples.release-notes", ({ version }) => {
    if (typeof version !== "string" || !/^\d+\.\d+\.\d+$/.test(version)) {
      // Trying again would not help: the run fails at once and says what to do.
      throw new PermanentError(
        "VERSION_INVALID",
        `version is ${JSON.stringify(version)}; it must look like 1.4.0.`,
        'Start a new run with a version: --input \'{"version": "1.4.0"}\'.',
      );
    }
    return { text: `What is new in ${version}` };
  });
}
