// Where a text stops being JSON. Runs only for texts that JSON.parse refused, whose messages rarely name a position.

/** Why bytes are not a payload. */
export interface JsonFault {
  /** In bytes of UTF-8, from 0. */
  readonly offset: number;
  readonly reason: string;
}

/** How deep arrays and objects may nest: what every parser a payload may meet on its way can take. */
export const JSON_DEPTH_MAX = 128;

/** `[ -!#-[\]-\uffff]`: any character but control characters, the quote and the backslash. */
const STRING = /"(?:[ -!#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;
const SPACE = /[ \t\n\r]*/y;

/** The first position at which `text` cannot go on as JSON. Call it for invalid JSON only. */
export function faultOf(text: string): JsonFault {
  const scan = new Scan(text);
  const reason = scan.document();
  return { offset: Buffer.byteLength(text.slice(0, scan.at)), reason };
}

/** The place where valid JSON nests deeper than {@link JSON_DEPTH_MAX}; undefined = nowhere. */
export function tooDeep(text: string): JsonFault | undefined {
  // Each level takes an opening and a closing character: a short text cannot be deep.
  if (text.length <= 2 * JSON_DEPTH_MAX) return undefined;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at);
    else if (code === 0x5b || code === 0x7b) depth += 1;
    else if (code === 0x5d || code === 0x7d) depth -= 1;
    if (depth > JSON_DEPTH_MAX) {
      const reason = `values may nest ${JSON_DEPTH_MAX} deep`;
      return { offset: Buffer.byteLength(text.slice(0, at)), reason };
    }
  }
  return undefined;
}

/** The position of the closing quote of the string that opens at `from`. */
function endOfString(text: string, from: number): number {
  let at = text.indexOf('"', from + 1);
  while (at > 0 && escaped(text, at)) at = text.indexOf('"', at + 1);
  return at < 0 ? text.length : at;
}

function escaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes += 1;
  return backslashes % 2 === 1;
}

/** A scanner that stops at the first fault. It keeps its own stack, so that no input exhausts the real one. */
class Scan {
  at = 0;
  readonly #text: string;
  readonly #open: ("]" | "}")[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  document(): string {
    for (;;) {
      const fault = this.#value();
      if (fault !== undefined) return fault;
      const closed = this.#afterValue();
      if (closed !== undefined) return closed;
    }
  }

  /** Takes a scalar or opens containers down to the next value. */
  #value(): string | undefined {
    for (;;) {
      this.#take(SPACE);
      const next = this.#text[this.at];
      if (next === undefined) return "the text ends where a value should be";
      if (next === "[") {
        this.at += 1;
        this.#take(SPACE);
        this.#open.push("]");
        if (this.#text[this.at] === "]") return undefined;
        continue;
      }
      if (next === "{") {
        this.at += 1;
        this.#take(SPACE);
        this.#open.push("}");
        if (this.#text[this.at] === "}") return undefined;
        const fault = this.#key();
        if (fault !== undefined) return fault;
        continue;
      }
      if (next === '"') return this.#take(STRING) ? undefined : "this string is not closed or holds a bad character";
      return this.#take(SCALAR) ? undefined : "no value begins here";
    }
  }

  /** Closes what ends here; undefined = a value follows. */
  #afterValue(): string | undefined {
    for (;;) {
      this.#take(SPACE);
      const close = this.#open.at(-1);
      const next = this.#text[this.at];
      if (close === undefined) return "there is more after the value";
      if (next === close) {
        this.#open.pop();
        this.at += 1;
        continue;
      }
      if (next !== ",")
        return next === undefined ? `the text ends before "${close}"` : `"," or "${close}" should be here`;
      this.at += 1;
      if (close === "]") return undefined;
      this.#take(SPACE);
      return this.#key();
    }
  }

  #key(): string | undefined {
    if (!this.#take(STRING)) return "a key in double quotes should be here";
    this.#take(SPACE);
    if (this.#text[this.at] !== ":") return '":" should be here';
    this.at += 1;
    return undefined;
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    if (!pattern.test(this.#text)) return false;
    this.at = pattern.lastIndex;
    return true;
  }
}
