// What a run of seeds came to, in words.
import { Coverage } from "./coverage.ts";
import type { SeedReport } from "./seed-runner.ts";

/** With fewer seeds, a kind that did not occur may just be rare. */
const SEEDS_FOR_COVERAGE = 500;
const FAILURES_SHOWN_MAX = 10;

export class Report {
  readonly coverage = new Coverage();
  readonly failures: SeedReport[] = [];
  #seeds = 0;
  #runs = 0;

  add(report: SeedReport): void {
    this.#seeds++;
    this.#runs += report.runs;
    this.coverage.add(report.counts);
    if (report.violation !== null) this.failures.push(report);
  }

  /** Kinds that should have occurred and did not. */
  get missing(): string[] {
    return this.#seeds < SEEDS_FOR_COVERAGE ? [] : this.coverage.missing();
  }

  get passed(): boolean {
    return this.failures.length === 0 && this.missing.length === 0;
  }

  lines(): string[] {
    const { coverage } = this;
    const kinds = [...coverage.counts].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const totals = `${coverage.total("command")} commands, ${coverage.total("event")} events, ${coverage.total("fault")} faults`;
    return [
      ...kinds.map(([kind, count]) => `${String(count).padStart(9)}  ${kind}`),
      ...this.failures.slice(0, FAILURES_SHOWN_MAX).flatMap(told),
      ...this.missing.map((kind) => `never exercised: ${kind}`),
      `${this.#seeds} seeds, ${this.failures.length} failed: ${this.#runs} runs, ${totals}`,
    ];
  }
}

/** A failure, what came before it, and how to see it again. */
function told({ seed, violation, trace }: SeedReport): string[] {
  return [
    "",
    `seed ${seed} failed. ${violation ?? ""}`,
    ...trace,
    `Run it again: node services/simulator/main.ts --seeds 1 --first ${seed}`,
    "",
  ];
}
