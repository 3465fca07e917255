import { stripVTControlCharacters } from "node:util";

/** Where nobody says how many lines there is room for. */
const LINES_MAX = 1_000;

/** The window; 0 where it says nothing. */
export interface Window {
  readonly rows: number;
  readonly columns: number;
  write(text: string): unknown;
}

/** Text at the bottom of a terminal that is replaced by its next version. */
export class LiveText {
  readonly #window: Window;
  #linesShown = 0;

  constructor(window: Window) {
    this.#window = window;
  }

  /** Shows the text instead of the one before; what does not fit into the window is left out at its end. */
  show(text: string): void {
    const lines = text.split("\n").slice(0, this.#window.rows > 1 ? this.#window.rows - 1 : LINES_MAX);
    const back = this.#linesShown === 0 ? "" : `\u001B[${this.#linesShown}A\r\u001B[0J`;
    this.#window.write(`${back}${lines.join("\n")}\n`);
    const { columns } = this.#window;
    this.#linesShown = lines.reduce((sum, line) => sum + rowsOf(stripVTControlCharacters(line), columns), 0);
  }
}

/** Rows of the window that a line takes. */
function rowsOf(line: string, columns: number): number {
  return columns > 0 ? Math.max(1, Math.ceil(line.length / columns)) : 1;
}
