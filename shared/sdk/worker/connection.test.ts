import { VirtualClock } from "@millrace/clock/virtual.ts";
import type { ConnectResponse, Task } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import { expect, test } from "vitest";
import { testTask } from "./testing/worker-server.ts";
import type { StreamEvents, WorkerTransport } from "./transport.ts";
import { createWorker } from "./worker.ts";

const EMPTY: ConnectResponse = { welcome: undefined, tasks: [], cancels: [], settled: [], draining: false };

/** How long a worker waits between its tries while no server answers, having got these tasks from one before. */
async function waitsOf(tasks: readonly Task[]): Promise<number[]> {
  const clock = new VirtualClock(1);
  const waits: number[] = [];
  const streams: StreamEvents[] = [];
  const transport: WorkerTransport = {
    connect: (events) => {
      streams.push(events);
      if (streams.length > 1) clock.soon(() => events.closed({ type: "lost", reason: "nobody there" }));
      return { send: () => true, end: () => undefined, destroy: () => undefined };
    },
  };
  const worker = createWorker({
    name: "w",
    clock,
    transport,
    onDisconnected: (_reason, retryMs) => waits.push(retryMs),
  });
  worker.handle("test", () => new Promise(() => undefined));
  const started = worker.start();
  streams[0]?.frame({ ...EMPTY, welcome: { session: "s", heartbeatIntervalMs: 5_000, payloadBytesMax: 4_000_000 } });
  await started;
  await clock.advance(1);
  streams[0]?.frame({ ...EMPTY, tasks: [...tasks] });
  await clock.advance(1);
  streams[0]?.closed({ type: "lost", reason: "killed" });
  await clock.advance(60_000);
  return waits;
}

test("a worker with attempts in its hands tries again within a second, however long no server answers", async () => {
  const waits = await waitsOf([testTask()]);
  expect(waits.length).toBeGreaterThan(60);
  expect(Math.max(...waits)).toBeLessThanOrEqual(1_000);
});

test("a worker without any waits longer and longer", async () => {
  expect(Math.max(...(await waitsOf([])))).toBeGreaterThan(2_000);
});
