// What a figure is, and the line it prints.

/** One measured number. */
export interface Measured {
  /** What the number is of, e.g. `throughput`. */
  readonly figure: string;
  readonly value: number;
  readonly unit: "runs/s" | "ms" | "s" | "MiB" | "bytes/run" | "commits/run" | "×";
  /** Runs in flight, where that means something. */
  readonly inFlight?: number;
  /** What it must reach, and what is aimed for; lower is better for everything but runs/s and shares of throughput. */
  readonly target: number;
  readonly aim: number;
  readonly better: "higher" | "lower";
  /** Throughput of the sketch at the same load in this same run, runs/s. */
  readonly sketch?: number;
  /** Whatever explains the number. */
  readonly detail?: Readonly<Record<string, number | string>>;
}

/** Takes one or more figures. Prints nothing itself. */
export interface Figure {
  readonly name: string;
  /** Whether it starts NATS servers, which `make nats-server` installs: then it is taken only when it is named. */
  readonly needsNats?: true;
  take(bench: Bench): Promise<readonly Measured[]>;
}

/** What figures are taken with. */
export interface Bench {
  /** A folder on the disk that is to be measured. */
  readonly home: string;
  /** Scales every number of runs: 1 for real, less for a look. */
  readonly scale: number;
  /** Throughput of the sketch by runs in flight; undefined when it is not at hand. */
  sketch(inFlight: number): number | undefined;
  /** Progress, for a person. */
  say(line: string): void;
}

/** How many runs to make: at least `floor`, so that percentiles mean something. */
export function scaled(bench: Bench, runs: number, floor: number): number {
  return Math.max(floor, Math.round(runs * bench.scale));
}

/** A figure as a JSON line. */
export function lineOf(measured: Measured): string {
  const { value, target, aim, better, sketch } = measured;
  const reached = (bound: number): boolean => (better === "higher" ? value >= bound : value <= bound);
  const share = sketch === undefined ? {} : { shareOfSketch: round(value / sketch) };
  return JSON.stringify({ ...measured, value: round(value), ...share, met: reached(target), aimMet: reached(aim) });
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
