// What the reader sees: lines that stay, and in a terminal below them an account that is painted anew.
import { stripVTControlCharacters, styleText } from "node:util";

/** What is needed of standard output. */
export interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Where a terminal does not say how wide it is. */
const COLUMNS_DEFAULT = 100;

/** The longest word that things are told under. */
const WHAT_WIDTH = "take-over".length;

export class Screen {
  readonly isTerminal: boolean;
  readonly #stream: Stream;
  #live: readonly string[] = [];

  constructor(stream: Stream) {
    this.#stream = stream;
    this.isTerminal = stream.isTTY === true;
  }

  /** A line that stays, or several. */
  say(text: string): void {
    const live = this.#live;
    this.#paint([]);
    this.#stream.write(`${text}\n`);
    this.#paint(live);
  }

  /** Something that has come about, under a word for it. */
  done(what: string, text: string): void {
    this.say(`  ${this.styled("green", "✓")} ${this.styled("bold", what.padEnd(WHAT_WIDTH))} ${text}`);
  }

  /** … and something that is bad. */
  warn(what: string, text: string): void {
    this.say(`  ${this.styled("red", "✗")} ${this.styled("bold", what.padEnd(WHAT_WIDTH))} ${text}`);
  }

  /** What stands below all that was said, instead of what stood there before. Only for terminals. */
  show(text: string): void {
    this.#paint(text.split("\n"));
  }

  /** Leaves what is shown where it is. */
  keep(): void {
    this.#live = [];
  }

  /** Text for people: as it is where nobody looks, or where they want no colours. */
  styled(style: "bold" | "dim" | "green" | "red", text: string): string {
    const plain = !this.isTerminal || (process.env["NO_COLOR"] ?? "") !== "" || process.env["TERM"] === "dumb";
    return plain ? text : styleText(style, text, { validateStream: false });
  }

  #paint(lines: readonly string[]): void {
    const { columns = 0 } = this.#stream;
    const width = columns > 0 ? columns : COLUMNS_DEFAULT;
    // A line that the window breaks takes more than one of its rows.
    const rows = this.#live.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(stripVTControlCharacters(line).length / width)),
      0,
    );
    const back = rows === 0 ? "" : `\u001B[${rows}A\r\u001B[0J`;
    const text = lines.length === 0 ? "" : `${lines.join("\n")}\n`;
    if (back !== "" || text !== "") this.#stream.write(back + text);
    this.#live = lines;
  }
}
