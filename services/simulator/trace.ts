// The newest happenings of a seed, for whoever has to find out why it failed.
const LINES_MAX = 4_000;

/** A line, or something to be shown as JSON; put into words only when somebody asks. */
type Happening = string | object;

export class Trace {
  readonly #nowMs: () => number;
  #lines: { readonly atMs: number; readonly what: Happening }[] = [];

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  add(what: Happening): void {
    if (this.#lines.length === 2 * LINES_MAX) this.#lines = this.#lines.slice(LINES_MAX);
    this.#lines.push({ atMs: this.#nowMs(), what });
  }

  /** The newest lines; with `about` those that name it. */
  last(count: number, about = ""): string[] {
    return this.#lines
      .map(shown)
      .filter((line) => line.includes(about))
      .slice(-count);
  }
}

function shown({ atMs, what }: { readonly atMs: number; readonly what: Happening }): string {
  return `${atMs.toFixed(0).padStart(7)} ${typeof what === "string" ? what : `  ${JSON.stringify(what)}`}`;
}
