// A line of a transcript in words: quoted or braced parts hold together, `name=value` are options.
import type { Template } from "@millrace/model/definition.ts";

export interface Words {
  readonly first: string;
  /** The word at an index, options left out; empty if there is none. */
  at(index: number): string;
  /** Everything from the word at an index, options left out. */
  rest(index: number): string;
  /** The value of an option; empty if it was not given. */
  option(name: string): string;
}

const WORD = /(?:[A-Za-z]+=)?(?:"(?:[^"\\]|\\.)*"|\{.*\}|\[.*\]|\S+)/g;

export function words(line: string): Words {
  const all = line.match(WORD) ?? [];
  const plain: string[] = [];
  const options = new Map<string, string>();
  for (const word of all) {
    const [, name, value] = /^([A-Za-z]+)=(.*)$/.exec(word) ?? [];
    if (name === undefined || value === undefined) plain.push(word);
    else options.set(name, /^".*"$/.test(value) ? value.slice(1, -1) : value);
  }
  return {
    first: plain[0] ?? "",
    at: (index) => plain[index] ?? "",
    rest: (index) => plain.slice(index).join(" "),
    option: (name) => options.get(name) ?? "",
  };
}

/** JSON in a transcript is a template. */
export function templateOf(text: string): Template {
  const value: unknown = JSON.parse(text);
  if (!isTemplate(value)) throw new Error(`${text} is no template.`);
  return value;
}

function isTemplate(value: unknown): value is Template {
  return value !== undefined;
}

/** `250ms`, `10s`, `5m`. */
export function durationMs(text: string): number {
  const [, count, unit] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) throw new Error(`${text} is no duration.`);
  return Number(count) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit === "ms" || unit === "s" || unit === "m" ? unit : "h"];
}
