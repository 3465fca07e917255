// JSON that comes from elsewhere, field by field. The first thing that is wrong is remembered and names its field.

/** What was wrong with a text: names field, value and what it must be. */
export interface FormatProblem {
  readonly problem: string;
}

type Values = Readonly<Record<string, unknown>>;

export class Fields {
  readonly #values: Values;
  readonly #path: string;
  readonly #problems: string[];
  readonly #read = new Set<string>();

  private constructor(values: Values, path: string, problems: string[]) {
    this.#values = values;
    this.#path = path;
    this.#problems = problems;
  }

  /** The value that `read` makes of JSON text, or the first thing that is wrong with it. */
  static parse<Value>(bytes: Uint8Array, read: (fields: Fields) => Value): Value | FormatProblem {
    const problems: string[] = [];
    let json: unknown;
    try {
      json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch (error: unknown) {
      return { problem: `It is no JSON: ${error instanceof Error ? error.message : String(error)}` };
    }
    if (!isValues(json)) return { problem: "It must be a JSON object." };
    const value = read(new Fields(json, "", problems));
    const [problem] = problems;
    return problem === undefined ? value : { problem };
  }

  /** A whole number, both bounds inclusive. */
  integer(name: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.#take(name);
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max) return value;
    this.#wrong(name, value, `a whole number from ${min} to ${max}`);
    return min;
  }

  /** A number, both bounds inclusive. */
  number(name: string, min: number, max: number): number {
    const value = this.#take(name);
    if (typeof value === "number" && value >= min && value <= max) return value;
    this.#wrong(name, value, `a number from ${min} to ${max}`);
    return min;
  }

  /** Text that `accepts` takes; `what` says what that is. */
  text<Text extends string>(name: string, what: string, accepts: (text: string) => text is Text): Text | null {
    const value = this.#take(name);
    if (typeof value === "string" && accepts(value)) return value;
    this.#wrong(name, value, what);
    return null;
  }

  /** Text as above, or null. */
  textOrNull<Text extends string>(name: string, what: string, accepts: (text: string) => text is Text): Text | null {
    if (this.#values[name] !== null) return this.text(name, `${what}, or null`, accepts);
    this.#read.add(name);
    return null;
  }

  /** One of a few words. */
  word<Word extends string>(name: string, words: readonly [Word, ...Word[]]): Word {
    const value = this.#take(name);
    const word = words.find((known) => known === value);
    if (word !== undefined) return word;
    this.#wrong(name, value, `one of ${words.join(", ")}`);
    return words[0];
  }

  /** A whole number as above, or null. */
  integerOrNull(name: string, min: number): number | null {
    if (this.#values[name] !== null) return this.integer(name, min);
    this.#read.add(name);
    return null;
  }

  /** A list of at most `lengthMax` texts that `accepts` takes. */
  texts<Text extends string>(
    name: string,
    lengthMax: number,
    { what, accepts }: { readonly what: string; readonly accepts: (text: string) => text is Text },
  ): readonly Text[] {
    const value = this.#take(name);
    const texts = Array.isArray(value)
      ? value.filter((text: unknown) => typeof text === "string" && accepts(text))
      : [];
    if (Array.isArray(value) && texts.length === value.length && texts.length <= lengthMax) return texts;
    this.#wrong(name, value, `a list of at most ${lengthMax} of ${what}`);
    return [];
  }

  /** A list of at most `lengthMax` objects. */
  objects<Value>(name: string, lengthMax: number, read: (fields: Fields) => Value): readonly Value[] {
    const value: unknown = this.#take(name);
    if (Array.isArray(value) && value.length <= lengthMax && value.every(isValues))
      return value.map((values, index) => read(new Fields(values, `${this.#path}${name}[${index}].`, this.#problems)));
    this.#wrong(name, value, `a list of at most ${lengthMax} objects`);
    return [];
  }

  object<Value>(name: string, read: (fields: Fields) => Value): Value {
    const value = this.#take(name);
    if (!isValues(value)) this.#wrong(name, value, "an object");
    return read(new Fields(isValues(value) ? value : {}, `${this.#path}${name}.`, this.#problems));
  }

  /** The object's own fields, whatever they are called. */
  get names(): readonly string[] {
    return Object.keys(this.#values);
  }

  /** Something else that does not hold. */
  refuse(problem: string): void {
    this.#problems.push(problem);
  }

  /** To be called last where a field that nobody knows is a mistake. */
  finish(): void {
    for (const name of this.names)
      if (!this.#read.has(name)) this.refuse(`${this.#path}${name} is no field that this version knows.`);
  }

  #take(name: string): unknown {
    this.#read.add(name);
    return this.#values[name];
  }

  #wrong(name: string, value: unknown, must: string): void {
    this.refuse(`${this.#path}${name} is ${JSON.stringify(value) ?? "missing"}, but must be ${must}.`);
  }
}

function isValues(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
