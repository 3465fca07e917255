// Reads JSON whose integers a double cannot hold. The platform's reviver could do it too, at a hundred times the cost
// of a plain parse; this costs about five times.
import { wrongType } from "./fault.ts";
import { emptyMap, type Value } from "./value.ts";

/** Whether a text may hold an integer of 16 digits or more: only then is this reader needed. */
export function mayHoldLargeIntegers(text: string): boolean {
  return /(?:^|[:,[\s-])\d{16}/.test(text);
}

const NUMBER = /-?\d+(\.\d+)?([eE][+-]?\d+)?/y;

/** Deepest nesting read here; each level is a call on the stack. */
const DEPTH_MAX = 500;

/** Parses text that is known to be valid JSON; integers beyond a double's exact range become bigints. */
export function parseExactJson(text: string): Value {
  return new Reader(text).value(0);
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): Value {
    if (depth > DEPTH_MAX) throw wrongType(`the JSON it reads is nested deeper than ${DEPTH_MAX} levels`);
    switch (this.#next()) {
      case "{":
        return this.#map(depth);
      case "[":
        return this.#list(depth);
      case '"':
        return this.#string();
      case "t":
        this.#at += 4;
        return true;
      case "f":
        this.#at += 5;
        return false;
      case "n":
        this.#at += 4;
        return null;
      default:
        return this.#number();
    }
  }

  /** The next character that is not white space; stays on it. */
  #next(): string {
    for (;;) {
      const character = this.#text.charAt(this.#at);
      if (character !== " " && character !== "\n" && character !== "\t" && character !== "\r") return character;
      this.#at++;
    }
  }

  #map(depth: number): Value {
    const map = emptyMap();
    this.#at++;
    while (this.#next() !== "}") {
      if (this.#next() === ",") this.#at++;
      this.#next();
      const key = this.#string();
      this.#next();
      this.#at++;
      map[key] = this.value(depth + 1);
    }
    this.#at++;
    return map;
  }

  #list(depth: number): Value {
    const list: Value[] = [];
    this.#at++;
    while (this.#next() !== "]") {
      if (this.#next() === ",") this.#at++;
      list.push(this.value(depth + 1));
    }
    this.#at++;
    return list;
  }

  #string(): string {
    const start = this.#at;
    let end = this.#text.indexOf('"', start + 1);
    let escaped = false;
    while (this.#text.charCodeAt(end - 1) === 92 && this.#backslashesBefore(end) % 2 === 1) {
      escaped = true;
      end = this.#text.indexOf('"', end + 1);
    }
    this.#at = end + 1;
    const raw = this.#text.slice(start + 1, end);
    return escaped || raw.includes("\\") ? String(JSON.parse(`"${raw}"`)) : raw;
  }

  #backslashesBefore(position: number): number {
    let count = 0;
    while (this.#text.charCodeAt(position - 1 - count) === 92) count++;
    return count;
  }

  #number(): Value {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null) throw new Error(`Not JSON at character ${this.#at}.`);
    this.#at = NUMBER.lastIndex;
    const value = Number(match[0]);
    const integer = match[1] === undefined && match[2] === undefined;
    return integer && !Number.isSafeInteger(value) ? BigInt(match[0]) : value;
  }
}
