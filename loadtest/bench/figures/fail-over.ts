// How long callers wait while a node of three dies or stops: starts at a steady rate, one node gone in the middle.
import { setTimeout as passed } from "node:timers/promises";
import { createClient } from "@millrace/sdk/client/client.ts";
import { type BenchCluster, startBenchCluster } from "../cluster.ts";
import { type Bench, type Figure, type Measured, scaled } from "../figure.ts";

/** Starts at once, and between them: 400 a second, an eighth of what such a cluster takes. */
const STARTS = 4;
const EVERY_MS = 10;
/** What is counted: from when the node is gone on. */
const AFTER_MS = 3_000;
const WARM_UP_MS = 5_000;
const ROUNDS = 3;

export const failOver: Figure = {
  name: "fail-over",
  needsNats: true,
  take: async (bench) => [
    await waits(bench, "SIGKILL", { target: 2_000, aim: 500 }),
    await waits(bench, "SIGTERM", { target: 200, aim: 100 }),
  ],
};

async function waits(
  bench: Bench,
  signal: "SIGKILL" | "SIGTERM",
  bounds: { readonly target: number; readonly aim: number },
): Promise<Measured> {
  const found: number[][] = [];
  for (let round = 0; round < scaled(bench, ROUNDS, 1); round++) {
    bench.say(`a node of three ends by ${signal}, round ${round + 1}`);
    const cluster = await startBenchCluster(bench.home, 3);
    try {
      found.push(await waitsOf(cluster, signal));
    } finally {
      await cluster.stop();
    }
  }
  const all = found.flat().sort((a, b) => a - b);
  return {
    figure: signal === "SIGKILL" ? "start made durable while a node is killed, p99" : "… while a node stops, p99",
    value: all[Math.floor(all.length * 0.99)] ?? 0,
    unit: "ms",
    better: "lower",
    detail: { starts: all.length, p50Ms: all[all.length >> 1] ?? 0, maxMs: all.at(-1) ?? 0 },
    ...bounds,
  };
}

/** How long each start took that was made in the seconds from the signal on. */
async function waitsOf({ addresses, nodes }: BenchCluster, signal: NodeJS.Signals): Promise<number[]> {
  const client = createClient({ address: addresses[0] ?? "", timeoutMs: 30_000 });
  const waited: number[] = [];
  const sentMs = new Map<number, number>();
  let fromMs = Number.POSITIVE_INFINITY;
  const submitter = client.submitter({
    answers: "starts",
    pendingMax: 100_000,
    onStarted: (answers) => {
      for (const { ref, error } of answers) {
        if (error !== undefined) throw error;
        const bornMs = sentMs.get(ref) ?? 0;
        if (bornMs >= fromMs) waited.push(performance.now() - bornMs);
      }
    },
    onEnded: () => {},
  });
  const submit = async (forMs: number): Promise<void> => {
    const requests = Array.from({ length: STARTS }, () => ({ workflow: "waiting", input: {} }));
    for (const untilMs = performance.now() + forMs; performance.now() < untilMs; await passed(EVERY_MS)) {
      const first = submitter.submit(requests);
      for (let more = 0; more < STARTS; more++) sentMs.set(first + more, performance.now());
    }
  };
  await submit(WARM_UP_MS);
  fromMs = performance.now();
  nodes[1]?.signal(signal);
  await submit(AFTER_MS);
  await submitter.finish();
  client.close();
  return waited;
}
