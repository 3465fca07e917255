// Runs seeds in a process of its own, on modules patched as told, and reports each to the parent.
import { argv } from "node:process";
import { MUTANTS } from "./patches/mutants.ts";
import { install } from "./patches/patch.ts";
import { SMALL_BOUNDS } from "./patches/small-bounds.ts";

/** What a runner is told, as JSON in its only argument. */
export interface RunnerOrder {
  readonly seeds: readonly number[];
  readonly bounds: "small" | "real";
  /** Name of a mutant; null = the product as it is. */
  readonly mutant: string | null;
}

/** What became of one seed. */
export interface SeedReport {
  readonly seed: number;
  /** null = everything held. */
  readonly violation: string | null;
  /** The newest happenings before a violation. */
  readonly trace: readonly string[];
  readonly runs: number;
  readonly counts: readonly (readonly [string, number])[];
}

const TRACE_LINES = 60;
const RUN_ID = /[0-9a-hjkmnp-tv-z]{20}/;

const order: unknown = JSON.parse(argv[2] ?? "null");
if (!isOrder(order)) throw new Error("This is started by run-seeds.ts, with an order.");
const mutant = MUTANTS.find(({ name }) => name === order.mutant);
if (order.mutant !== null && mutant === undefined) throw new Error(`There is no mutant "${order.mutant}".`);
install([...(order.bounds === "small" ? SMALL_BOUNDS : []), ...(mutant?.patches ?? [])]);

/** The patches must be in place before anything of the product is loaded. */
const { World } = await import("./world.ts");
for (const seed of order.seeds) {
  const world = new World(seed);
  const violation = await world.run();
  const about = RUN_ID.exec(violation?.message ?? "")?.[0] ?? "";
  const report: SeedReport = {
    seed,
    violation: violation?.message ?? null,
    trace: violation === null ? [] : world.log.last(TRACE_LINES, about),
    runs: world.runs,
    counts: [...world.coverage.counts],
  };
  process.send?.(report);
  if (violation !== null && mutant !== undefined) break;
}
process.disconnect?.();

function isOrder(value: unknown): value is RunnerOrder {
  return typeof value === "object" && value !== null && "seeds" in value && "bounds" in value && "mutant" in value;
}
