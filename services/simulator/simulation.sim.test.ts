import { describe, expect, it } from "vitest";
import { MUTANTS } from "./patches/mutants.ts";
import { Report } from "./report.ts";
import { catchMutant, runSeeds } from "./run-seeds.ts";
import { ONCE_FAILED } from "./seeds-that-failed.ts";

const SEEDS = 1_000;
const RUNS_MIN = 50;
const FAULTS_MIN = 20;

describe("the simulation", () => {
  it(`I1, I2, I3, I4, I5, I6, I7, I8, I9: hold in ${SEEDS} seeds, whatever goes wrong, and everything ends`, async () => {
    const report = new Report();
    const meagre: number[] = [];
    await runSeeds(1, SEEDS, (one) => {
      report.add(one);
      const faults = one.counts.reduce((sum, [kind, count]) => (kind.startsWith("fault: ") ? sum + count : sum), 0);
      if (one.runs < RUNS_MIN || faults < FAULTS_MIN) meagre.push(one.seed);
    });
    expect(report.passed, report.lines().join("\n")).toBe(true);
    expect(meagre).toEqual([]);
  });

  it("seeds that failed once pass", async () => {
    const report = new Report();
    for (const { seed } of ONCE_FAILED) await runSeeds(seed, 1, (one) => report.add(one));
    expect(report.failures.map(({ seed, violation }) => `${seed}: ${violation ?? ""}`)).toEqual([]);
  });

  it("says how to see a failure again", async () => {
    const report = new Report();
    const caught = await catchMutant("ack barrier off", 10);
    if (caught !== undefined) report.add(caught);
    expect(report.passed).toBe(false);
    expect(report.lines().join("\n")).toContain(`--seeds 1 --first ${caught?.seed ?? 0}`);
  });
});

describe("mutants", () => {
  it.each(MUTANTS)("$name: is caught within $seedsMax seeds", async ({ name, seedsMax }) => {
    const caught = await catchMutant(name, seedsMax);
    expect(caught?.violation ?? "not caught").toMatch(/^(I[1-9]|progress): /);
  });
});
