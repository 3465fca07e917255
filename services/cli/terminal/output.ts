// What a command prints: tables and colours for people, tabs for pipes, JSON lines for programs that asked for them.
import picocolors from "picocolors";
import { textTable } from "./table.ts";

export type Colours = ReturnType<typeof picocolors.createColors>;

export type OutputMode = "terminal" | "plain" | "json";

/** Where nobody says how wide the terminal is; some say 0. */
const COLUMNS_DEFAULT = 100;

/** What is needed of standard output. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface OutputOptions {
  /** @default false */
  readonly json?: boolean;
  /** @default standard output */
  readonly screen?: Screen;
  /** For what is not part of the result. @default standard error */
  readonly aside?: Screen;
}

export class Output {
  readonly mode: OutputMode;
  readonly colours: Colours;
  readonly #screen: Screen;
  readonly #aside: Screen;

  constructor({ json = false, screen = process.stdout, aside = process.stderr }: OutputOptions = {}) {
    this.#screen = screen;
    this.#aside = aside;
    this.mode = json ? "json" : screen.isTTY === true ? "terminal" : "plain";
    this.colours = picocolors.createColors(this.mode === "terminal" && coloursWanted());
  }

  /** Characters a line has room for. */
  get columns(): number {
    const columns = this.#screen.columns ?? 0;
    return columns > 0 ? columns : COLUMNS_DEFAULT;
  }

  line(text: string): void {
    this.#screen.write(`${text}\n`);
  }

  /** A remark on what is printed: for people below it, else apart from it, on standard error. */
  note(text: string): void {
    if (this.mode === "terminal") this.line(this.colours.dim(text));
    else this.#aside.write(`note: ${text}\n`);
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value));
  }

  /** Cells a line, tabs between them; what would break that becomes a space. */
  tabbed(cells: readonly (string | number)[]): void {
    this.line(cells.map((cell) => String(cell).replaceAll(/[\t\r\n]+/g, " ")).join("\t"));
  }

  /** A result for people, or the same cells for a pipe, or the value as JSON. */
  result(forms: {
    readonly terminal: string;
    readonly plain: readonly (string | number)[];
    readonly json: unknown;
  }): void {
    if (this.mode === "json") this.json(forms.json);
    else if (this.mode === "plain") this.tabbed(forms.plain);
    else this.line(forms.terminal);
  }

  /** Rows under a head; the head is for people alone. */
  table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
    if (this.mode === "terminal")
      this.line(
        textTable(
          head.map((title) => this.colours.dim(title)),
          rows,
        ),
      );
    else for (const row of rows) this.tabbed(row);
  }
}

/** https://no-color.org, and terminals that cannot. */
export function coloursWanted(): boolean {
  return (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";
}
