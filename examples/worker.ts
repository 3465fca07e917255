// The worker of all examples: connects to MILLRACE_ADDRESS and serves their task types until it is told to stop.
//
//   npx node examples/worker.ts
import { createWorker } from "@millrace/sdk/worker/worker.ts";
import { handleGithubEvent } from "./01-github-event/tasks.ts";
import { handleReleaseApproval } from "./02-release-approval/tasks.ts";

const address = process.env["MILLRACE_ADDRESS"] ?? "127.0.0.1:7400";
const worker = createWorker({ address, name: "examples", build: "1" });
handleGithubEvent(worker);
handleReleaseApproval(worker);

// Takes no more tasks, and lets those under way finish.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void worker.stop());
// The demo that started this process was killed: its tasks are made again by the worker of the next demo.
process.once("disconnect", () => process.exit(1));

await worker.start();
process.stdout.write(`The examples' worker serves ${address}.\n`);
await worker.closed;
process.exit(0);
