// Deals seeds out to processes, as many at a time as there are cores.
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { RunnerOrder, SeedReport } from "./seed-runner.ts";

const RUNNER = join(import.meta.dirname, "seed-runner.ts");
/** Every so many seeds one keeps the product's own bounds, so that these are exercised, too. */
const REAL_BOUNDS_EVERY = 4;
/** Small enough that no process is left with much while others are done. */
const SEEDS_AN_ORDER = 125;

/** Runs `count` seeds from `first` and tells of each as it is done. Rejects when a runner breaks down. */
export async function runSeeds(first: number, count: number, tell: (report: SeedReport) => void): Promise<void> {
  const seeds = Array.from({ length: count }, (_, index) => first + index);
  const orders = [
    ...ordersOf(
      seeds.filter((seed) => !keepsRealBounds(seed)),
      "small",
    ),
    ...ordersOf(seeds.filter(keepsRealBounds), "real"),
  ];
  const lane = async (): Promise<void> => {
    for (let order = orders.shift(); order !== undefined; order = orders.shift()) await run(order, tell);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
}

/** How many seeds it took to catch a mutant; undefined = it was not caught. */
export async function catchMutant(mutant: string, seedsMax: number): Promise<SeedReport | undefined> {
  const seeds = Array.from({ length: seedsMax }, (_, index) => index + 1);
  let caught: SeedReport | undefined;
  await run({ seeds, bounds: "small", mutant }, (report) => {
    if (report.violation !== null) caught = report;
  });
  return caught;
}

function ordersOf(seeds: readonly number[], bounds: RunnerOrder["bounds"]): RunnerOrder[] {
  const orders: RunnerOrder[] = [];
  for (let at = 0; at < seeds.length; at += SEEDS_AN_ORDER)
    orders.push({ seeds: seeds.slice(at, at + SEEDS_AN_ORDER), bounds, mutant: null });
  return orders;
}

function run(order: RunnerOrder, tell: (report: SeedReport) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(RUNNER, [JSON.stringify(order)], { execArgv: [] });
    // What our own runner sends.
    child.on("message", (message: SeedReport) => tell(message));
    child.on("error", reject);
    child.on("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`A runner of seeds ended with code ${code ?? "none"}.`));
    });
  });
}

function keepsRealBounds(seed: number): boolean {
  return seed % REAL_BOUNDS_EVERY === 0;
}
