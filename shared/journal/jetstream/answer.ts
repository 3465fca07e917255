// What JetStream's API answers: JSON with either what was asked for or an error with a code of its own.

/** The codes that mean something here. */
export const NO_MESSAGE_FOUND = 10_037;
/** There is no leader that could answer. */
export const NOT_AVAILABLE = 10_008;
export const STREAM_NOT_FOUND = 10_059;
export const STREAM_NAME_TAKEN = 10_058;

/** JetStream refused a request: it heard it, and did nothing. */
export class JetStreamRefusal extends Error {
  override readonly name = "JetStreamRefusal";
  readonly code: number;

  constructor(code: number, description: string) {
    super(`JetStream refused: ${description} (${code}).`);
    this.code = code;
  }
}

/** Parses an answer. Throws {@link JetStreamRefusal} when it is an error. */
export function parseAnswer(data: Uint8Array): unknown {
  const answer = parseJson(data);
  if (answer === undefined) throw new Error("JetStream's answer is no JSON.");
  const error = field(answer, "error");
  if (error !== undefined) throw new JetStreamRefusal(numberOf(error, "err_code"), textOf(error, "description"));
  return answer;
}

/** Parses JSON; undefined = it is none. */
export function parseJson(data: Uint8Array): unknown {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString());
    return parsed;
  } catch {
    return undefined;
  }
}

export function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

/** A field that is a number; 0 where it is not there, as JetStream leaves zeros out. */
export function numberOf(value: unknown, name: string): number {
  const found = field(value, name);
  return typeof found === "number" ? found : 0;
}

/** A field that is text; "" where it is not there. */
export function textOf(value: unknown, name: string): string {
  const found = field(value, name);
  return typeof found === "string" ? found : "";
}

/** A field that is a list; empty where it is not there. */
export function listOf(value: unknown, name: string): readonly unknown[] {
  const found = field(value, name);
  return Array.isArray(found) ? found : [];
}
