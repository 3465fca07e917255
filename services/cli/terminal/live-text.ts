import type { WriteStream } from "node:tty";
import { stripVTControlCharacters } from "node:util";

/** Text at the bottom of a terminal that is replaced by its next version. */
export class LiveText {
  readonly #stream: WriteStream;
  #linesShown = 0;

  constructor(stream: WriteStream) {
    this.#stream = stream;
  }

  /** Shows the text instead of the one before; what does not fit into the window is left out at its end. */
  show(text: string): void {
    const lines = text.split("\n").slice(0, Math.max(1, this.#stream.rows - 1));
    const back = this.#linesShown === 0 ? "" : `\u001B[${this.#linesShown}A\r\u001B[0J`;
    this.#stream.write(`${back}${lines.join("\n")}\n`);
    const { columns } = this.#stream;
    this.#linesShown = lines.reduce((sum, line) => sum + rowsOf(stripVTControlCharacters(line), columns), 0);
  }
}

/** Rows of the window that a line takes. */
function rowsOf(line: string, columns: number): number {
  return Math.max(1, Math.ceil(line.length / columns));
}
