// The newest happenings of a seed, for whoever has to find out why it failed.
const LINES_MAX = 4_000;

export class Trace {
  readonly #nowMs: () => number;
  #lines: string[] = [];

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  add(line: string): void {
    if (this.#lines.length === 2 * LINES_MAX) this.#lines = this.#lines.slice(LINES_MAX);
    this.#lines.push(`${this.#nowMs().toFixed(0).padStart(7)} ${line}`);
  }

  /** The newest lines; with `about` those that name it. */
  last(count: number, about = ""): string[] {
    return this.#lines.filter((line) => line.includes(about)).slice(-count);
  }
}
