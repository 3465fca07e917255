// The worker of the crash tests: `node worker.ts <address> <log>`. Every attempt it makes is a line of its log before
// anything else happens with it, so that what the history says can be held against what was done.
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import { setTimeout as passed } from "node:timers/promises";
import type { TaskContext } from "@millrace/sdk/worker/attempt.ts";
import { TransientError } from "@millrace/sdk/worker/task-errors.ts";
import { createWorker } from "@millrace/sdk/worker/worker.ts";
import type { AttemptLine } from "./attempt-log.ts";
import { BULKY_CHARACTERS, FLAKY_SUCCEEDS_AT, ITEMS, LARGE_CHARACTERS } from "./workflows.ts";

/** Longest attempt: long enough that kills meet attempts under way, and results on their way. */
const WORK_MS_MAX = 20;

const [address, log] = process.argv.slice(2);
if (address === undefined || log === undefined) throw new Error("Give the server's gRPC address and a file to log to.");

interface Input {
  readonly seen: unknown;
}

/** Logs the attempt, takes its time, and returns the nonce of this execution. */
async function work({ seen }: Input, ctx: TaskContext): Promise<string> {
  const { runId, step, item, attempt, idempotencyKey } = ctx;
  const nonce = randomUUID();
  const line: AttemptLine = { runId, step, item, attempt, idempotencyKey, nonce, seen };
  appendFileSync(log ?? "", `${JSON.stringify(line)}\n`);
  await passed(Math.random() * WORK_MS_MAX);
  return nonce;
}

const worker = createWorker({ address, name: "crash", build: "1", capacity: 300 });
worker.handle<Input>("crash.step", async (input, ctx) => ({ nonce: await work(input, ctx) }));
worker.handle<Input>("crash.split", async (input, ctx) => ({
  nonce: await work(input, ctx),
  items: Array.from({ length: ITEMS }, (_, item) => item),
}));
worker.handle<Input>("crash.flaky", async (input, ctx) => {
  const nonce = await work(input, ctx);
  if (ctx.attempt < FLAKY_SUCCEEDS_AT) throw new TransientError(`Attempt ${ctx.attempt} is meant to fail.`);
  return { nonce };
});
worker.handle<Input>("crash.bulky", async (input, ctx) => ({
  nonce: await work(input, ctx),
  text: "bulky ".padEnd(BULKY_CHARACTERS, "."),
}));
worker.handle<Input>("crash.large", async (input, ctx) => ({
  nonce: await work(input, ctx),
  text: "large ".padEnd(LARGE_CHARACTERS, "."),
}));
await worker.start();
process.stdout.write("The worker is connected.\n");
process.once("SIGTERM", () => {
  worker.stop({ timeoutMs: 0 }).then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
