import { readFile } from "node:fs/promises";

/** One execution of an attempt, as the worker logs it. */
export interface AttemptLine {
  readonly runId: string;
  readonly step: string;
  /** -1 = the step is not run over items. */
  readonly item: number;
  readonly attempt: number;
  readonly idempotencyKey: string;
  /** Of this execution alone; part of its output. */
  readonly nonce: string;
  /** What the task was told of the results of the steps it needs. */
  readonly seen: unknown;
}

/** Reads a worker's log. */
export async function readAttempts(path: string): Promise<AttemptLine[]> {
  const text = await readFile(path, "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const attempt: unknown = JSON.parse(line);
      if (!isAttempt(attempt)) throw new Error(`The worker's log has a line that is no attempt: ${line}`);
      return attempt;
    });
}

/** Tells what the worker wrote from anything else. */
function isAttempt(value: unknown): value is AttemptLine {
  return typeof value === "object" && value !== null && "runId" in value && "nonce" in value && "seen" in value;
}
