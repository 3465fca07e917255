// The options of one component as they are read: from a flag, else the environment, else the file, else the default.
import { describeDuration, parseDuration } from "@millrace/core/expression/duration.ts";

/** An option that has no usable value, and what to do about it. */
export interface ConfigProblem {
  /** As in the file: `gateway.grpcPort`. */
  readonly option: string;
  /** Names option, value, where it came from, bound and fix, in one line. */
  readonly message: string;
}

/** Where values come from. All optional options left out mean their defaults. */
export interface ConfigSources {
  /** The parsed file: sections by name. */
  readonly file: Readonly<Record<string, unknown>>;
  /** What to call the file in messages. */
  readonly fileName: string;
  /** Environment variables: `MILLRACE_GATEWAY_GRPC_PORT` sets `gateway.grpcPort`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Flags by option: `gateway.grpcPort` → `7400`. */
  readonly flags: Readonly<Record<string, string | undefined>>;
}

/** A value somebody gave. */
interface Given {
  readonly value: unknown;
  /** In words, for messages. */
  readonly source: string;
}

/** A password may be part of a URL. */
const URL_LOGIN = /:\/\/[^/]*@/;

/** Reads the options of one section, collecting problems instead of stopping at the first. */
export class Section {
  readonly problems: ConfigProblem[] = [];
  readonly #sources: ConfigSources;
  readonly #name: string;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #known = new Set<string>();
  /** Options whose values are not shown. */
  readonly #hidden = new Set<string>();

  constructor(sources: ConfigSources, name: string) {
    this.#sources = sources;
    this.#name = name;
    const values = sources.file[name] ?? {};
    this.#values = isRecord(values) ? values : {};
    if (!isRecord(values)) {
      const message = `${name} in ${sources.fileName} is no section: write its options below it, one a line.`;
      this.problems.push({ option: name, message });
    }
  }

  /** Text of 1 to `charactersMax` characters. */
  text(option: string, fallback: string, charactersMax: number): string {
    const bound = `text of 1 to ${String(charactersMax)} characters`;
    return this.#read(option, fallback, bound, (value) => {
      return typeof value === "string" && value.length > 0 && value.length <= charactersMax ? value : undefined;
    });
  }

  /** Text of 1 to `charactersMax` characters; null when nothing is given. */
  optionalText(option: string, charactersMax: number): string | null {
    const bound = `text of 1 to ${String(charactersMax)} characters`;
    return this.#read<string | null>(option, null, bound, (value) => {
      return typeof value === "string" && value.length > 0 && value.length <= charactersMax ? value : undefined;
    });
  }

  /** Text that a pattern matches as a whole. */
  matching(option: string, fallback: string, wanted: { readonly what: string; readonly pattern: RegExp }): string {
    return this.#read(option, fallback, wanted.what, (value) =>
      typeof value === "string" && wanted.pattern.test(value) ? value : undefined,
    );
  }

  /** Where a secret is, `env:NAME` or `file:PATH`; null when nothing is given. What else is given may be the secret itself. */
  secret(option: string, charactersMax: number): string | null {
    this.#hidden.add(option);
    const bound = `a reference, env:NAME or file:PATH, of at most ${String(charactersMax)} characters`;
    return this.#read<string | null>(option, null, bound, (value) => {
      const isReference = typeof value === "string" && /^(?:env:[A-Za-z_]\w*|file:.+)$/.test(value);
      return isReference && value.length <= charactersMax ? value : undefined;
    });
  }

  /** One of a few numbers. */
  number<Choice extends number>(option: string, fallback: Choice, numbers: readonly Choice[]): Choice {
    return this.#read(option, fallback, `one of ${numbers.join(", ")}`, (value) =>
      numbers.find((number) => number === value || String(number) === value),
    );
  }

  /** One of a few words. */
  choice<Word extends string>(option: string, fallback: Word, words: readonly Word[]): Word {
    return this.#read(option, fallback, `one of ${words.join(", ")}`, (value) => words.find((word) => word === value));
  }

  /** A whole number within bounds, both inclusive. */
  integer(option: string, fallback: number, bounds: { readonly min: number; readonly max: number }): number {
    const { min, max } = bounds;
    return this.#read(option, fallback, `a whole number from ${String(min)} to ${String(max)}`, (value) => {
      const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
      return typeof number === "number" && Number.isInteger(number) && number >= min && number <= max
        ? number
        : undefined;
    });
  }

  /** A duration with its unit (`500ms`, `30s`, `7d`), in ms, within bounds in ms, both inclusive. */
  durationMs(option: string, fallbackMs: number, bounds: { readonly minMs: number; readonly maxMs: number }): number {
    const { minMs, maxMs } = bounds;
    const bound = `a duration with its unit, from ${describeDuration(minMs)} to ${describeDuration(maxMs)}`;
    return this.#read(option, fallbackMs, bound, (value) => {
      const durationMs = typeof value === "string" ? parseDuration(value) : undefined;
      return durationMs !== undefined && durationMs >= minMs && durationMs <= maxMs ? durationMs : undefined;
    });
  }

  /** A list of words that `accepts` takes, at most `lengthMax`; in flags and the environment separated by commas. */
  list(
    option: string,
    lengthMax: number,
    item: { readonly what: string; accepts(word: string): boolean },
  ): readonly string[] {
    const bound = `at most ${String(lengthMax)} of ${item.what}`;
    const accepted = (word: unknown): word is string => typeof word === "string" && item.accepts(word);
    const boundFor = (value: unknown): string => {
      const wrong = wordsOf(value)?.find((word) => !accepted(word));
      return wrong === undefined ? bound : `${bound}, of which ${JSON.stringify(wrong)} is none`;
    };
    return this.#read<readonly string[]>(option, [], boundFor, (value) => {
      const words = wordsOf(value);
      return words !== undefined && words.length <= lengthMax && words.every(accepted) ? words : undefined;
    });
  }

  /** Options that are good each for itself and not together. */
  refuse(option: string, message: string): void {
    this.problems.push({ option, message });
  }

  /** Call last: options in the file or among the flags that nobody read are mistakes, not wishes. */
  finish(): void {
    const flags = Object.keys(this.#sources.flags)
      .filter((flag) => flag.startsWith(`${this.#name}.`))
      .map((flag) => flag.slice(this.#name.length + 1));
    for (const option of new Set([...Object.keys(this.#values), ...flags])) {
      if (this.#known.has(option)) continue;
      const message = `${this.#name}.${option} is no option. Remove it or choose from: ${[...this.#known].join(", ")}.`;
      this.problems.push({ option: `${this.#name}.${option}`, message });
    }
  }

  #read<Value>(
    option: string,
    fallback: Value,
    bound: string | ((value: unknown) => string),
    parse: (value: unknown) => Value | undefined,
  ): Value {
    this.#known.add(option);
    const given = this.#given(option);
    if (given === undefined) return fallback;
    const value = parse(given.value);
    if (value !== undefined) return value;
    const name = `${this.#name}.${option}`;
    const json = JSON.stringify(given.value);
    const isHidden = this.#hidden.has(option) || URL_LOGIN.test(json);
    const shown = isHidden ? "something that is not shown" : json;
    const wanted = typeof bound === "string" ? bound : bound(isHidden ? undefined : given.value);
    const message = `${name} is ${shown} (${given.source}), but must be ${wanted}. Change it, or remove it for the default, ${shownDefault(fallback)}.`;
    this.problems.push({ option: name, message });
    return fallback;
  }

  #given(option: string): Given | undefined {
    const name = `${this.#name}.${option}`;
    const flag = this.#sources.flags[name];
    if (flag !== undefined) return { value: flag, source: `flag --${kebab(name)}` };
    const variable = environmentName(name);
    const exported = this.#sources.environment[variable];
    if (exported !== undefined) return { value: exported, source: `environment variable ${variable}` };
    const value = this.#values[option];
    return value === undefined ? undefined : { value, source: this.#sources.fileName };
  }
}

/** The environment variable of an option: `gateway.grpcPort` → `MILLRACE_GATEWAY_GRPC_PORT`. */
export function environmentName(option: string): string {
  return `MILLRACE_${kebab(option).replaceAll("-", "_").toUpperCase()}`;
}

/** `gateway.grpcPort` → `gateway-grpc-port`, as flags are written. */
function kebab(option: string): string {
  return option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll(".", "-");
}

function shownDefault(fallback: unknown): string {
  return fallback === null || (Array.isArray(fallback) && fallback.length === 0) ? "none" : JSON.stringify(fallback);
}

/** The words of a list, in flags and the environment separated by commas; undefined if it is none. */
function wordsOf(value: unknown): readonly unknown[] | undefined {
  if (typeof value === "string") return value.split(",").map((word) => word.trim());
  return Array.isArray(value) ? value : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
