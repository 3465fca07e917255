// Walks JSON text without building values, so that a payload inside a request keeps every digit and blank as it was sent.
// Only for text that JSON.parse has accepted: nothing is checked twice. No recursion: depth costs nothing.

/** What a JSON value is, told by its first character. */
export type JsonKind = "null" | "boolean" | "number" | "string" | "array" | "object";

export class JsonCursor {
  readonly #text: string;
  #at: number;

  constructor(text: string) {
    this.#text = text;
    this.#at = 0;
    this.#skipBlanks();
  }

  /** The kind of the value the cursor stands on. */
  kind(): JsonKind {
    switch (this.#text[this.#at]) {
      case "{":
        return "object";
      case "[":
        return "array";
      case '"':
        return "string";
      case "n":
        return "null";
      case "t":
      case "f":
        return "boolean";
      default:
        return "number";
    }
  }

  /** Steps over the value and returns its text. */
  take(): string {
    const start = this.#at;
    this.#skipValue();
    const raw = this.#text.slice(start, this.#at);
    this.#skipBlanks();
    return raw;
  }

  /** Steps through an object: `visit` is called on each member's value and must step over it. */
  members(visit: (key: string) => void): void {
    this.#step();
    while (this.#text[this.#at] !== "}") {
      const key: unknown = JSON.parse(this.take());
      this.#step();
      visit(String(key));
      if (this.#text[this.#at] === ",") this.#step();
    }
    this.#step();
  }

  /** Steps through an array: `visit` is called on each element and must step over it. */
  elements(visit: (index: number) => void): void {
    this.#step();
    for (let index = 0; this.#text[this.#at] !== "]"; index++) {
      visit(index);
      if (this.#text[this.#at] === ",") this.#step();
    }
    this.#step();
  }

  /** Over one punctuation mark and the blanks behind it. */
  #step(): void {
    this.#at++;
    this.#skipBlanks();
  }

  #skipBlanks(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 32 && code !== 9 && code !== 10 && code !== 13) return;
      this.#at++;
    }
  }

  #skipValue(): void {
    const kind = this.kind();
    if (kind === "string") return this.#skipString();
    if (kind !== "array" && kind !== "object") return this.#skipWord();
    let depth = 0;
    do {
      const mark = this.#text[this.#at];
      if (mark === '"') {
        this.#skipString();
        continue;
      }
      if (mark === "{" || mark === "[") depth++;
      else if (mark === "}" || mark === "]") depth--;
      this.#at++;
    } while (depth > 0);
  }

  #skipString(): void {
    do {
      this.#at = this.#text.indexOf('"', this.#at + 1);
    } while (this.#isEscaped());
    this.#at++;
  }

  /** Whether an odd number of backslashes stands before the cursor. */
  #isEscaped(): boolean {
    let before = this.#at - 1;
    while (this.#text[before] === "\\") before--;
    return (this.#at - before) % 2 === 0;
  }

  /** Over a number, `true`, `false` or `null`. */
  #skipWord(): void {
    while (/[\w+.-]/.test(this.#text.charAt(this.#at))) this.#at++;
  }
}
