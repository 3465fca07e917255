// Runs seeds of the simulation: `node services/simulator/main.ts --seeds 1000 --first 1`.
import { parseArgs } from "node:util";
import { Report } from "./report.ts";
import { runSeeds } from "./run-seeds.ts";

const { values } = parseArgs({
  options: { seeds: { type: "string", default: "1000" }, first: { type: "string", default: "1" } },
});
const seeds = wholeNumber("seeds", values.seeds);
const first = wholeNumber("first", values.first);

const report = new Report();
const startedMs = performance.now();
await runSeeds(first, seeds, (one) => report.add(one));
const seconds = (performance.now() - startedMs) / 1000;
for (const line of report.lines()) print(line);
print(`${seconds.toFixed(1)} s, ${(seeds / seconds).toFixed(1)} seeds/s`);
process.exitCode = report.passed ? 0 : 1;

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} is ${text}; it must be a whole number from 1.`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
