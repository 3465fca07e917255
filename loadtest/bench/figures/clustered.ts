// The standard job in a cluster, beside one process on its own in the same run.
import { closedLoop } from "../closed-loop.ts";
import { type ClusterSize, startBenchCluster } from "../cluster.ts";
import { type Bench, type Figure, type Measured, scaled } from "../figure.ts";
import { startBenchServer } from "../server.ts";

const LOADS = [
  { inFlight: 4096, runs: 60_000, warmUp: 10_000 },
  { inFlight: 512, runs: 40_000, warmUp: 5_000 },
] as const;

/** Runs a second of a cluster of three must reach, by runs in flight. */
const THREE = new Map([
  [512, { target: 3500, aim: 7000 }],
  [4096, { target: 5000, aim: 10_000 }],
]);
const SHARE_OF_ONE = { target: 0.7, aim: 0.9 };

type Rates = ReadonlyMap<number, number>;

export const clustered: Figure = {
  name: "clustered",
  needsNats: true,
  take: async (bench) => {
    const alone = await ratesOf(bench, "one process on its own", () => startAlone(bench));
    const one = await ratesOf(bench, "one node, one NATS server", () => startClustered(bench, 1));
    const three = await ratesOf(bench, "three nodes, three NATS servers", () => startClustered(bench, 3));
    return LOADS.flatMap(({ inFlight }) => figuresAt(inFlight, alone, one, three));
  },
};

function figuresAt(inFlight: number, ...[alone, one, three]: readonly [Rates, Rates, Rates]): Measured[] {
  const of = (measured: Rates): number => measured.get(inFlight) ?? 0;
  const detail = { alone: of(alone), one: of(one), three: of(three) };
  const common = { inFlight, better: "higher", detail } as const;
  return [
    {
      figure: "throughput of one node on one NATS server, synced, against one process on its own",
      value: of(one) / of(alone),
      unit: "×",
      ...SHARE_OF_ONE,
      ...common,
    },
    {
      figure: "throughput of three nodes on three NATS servers, three replicas, synced",
      value: of(three),
      unit: "runs/s",
      ...(THREE.get(inFlight) ?? { target: 0, aim: 0 }),
      ...common,
    },
  ];
}

interface Served {
  readonly address: string;
  stop(): Promise<void>;
}

async function ratesOf(bench: Bench, what: string, start: () => Promise<Served>): Promise<Rates> {
  const server = await start();
  const found = new Map<number, number>();
  try {
    for (const { inFlight, runs, warmUp } of LOADS) {
      bench.say(`${what}, ${inFlight} in flight`);
      await closedLoop(server.address, { workflow: "standard", inFlight, runs: scaled(bench, warmUp, 2000) });
      const loop = { workflow: "standard", inFlight, runs: scaled(bench, runs, 5000) };
      found.set(inFlight, (await closedLoop(server.address, loop)).runsPerSecond);
    }
    return found;
  } finally {
    await server.stop();
  }
}

async function startAlone(bench: Bench): Promise<Served> {
  return startBenchServer(bench.home);
}

async function startClustered(bench: Bench, size: ClusterSize): Promise<Served> {
  const cluster = await startBenchCluster(bench.home, size);
  return { address: cluster.addresses[0] ?? "", stop: () => cluster.stop() };
}
