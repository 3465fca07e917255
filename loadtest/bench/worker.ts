// The bench's worker process: trivial handlers, as in every engine it is compared with.
import { createWorker } from "@millrace/sdk/worker/worker.ts";

const address = process.argv[2];
if (address === undefined) throw new Error("Give the server's gRPC address.");

/** About 100 bytes as JSON. */
const RESULT = { step: 1, ok: true, id: "0123456789abcdef0123456789abcdef", note: "result of a trivial step" };

const worker = createWorker({ address, name: "bench", build: "1", capacity: 10_000 });
worker.handle("bench.step", () => RESULT);
worker.handle("bench.split", () => Array.from({ length: 200 }, (_, item) => item));
worker.handle("bench.join", (input) => ({ joined: Array.isArray(input) ? input.length : 0 }));
await worker.start();
process.stdout.write("The worker is connected.\n");
process.once("SIGTERM", () => {
  worker.stop({ timeoutMs: 0 }).then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
