// What JetStream's API answers: JSON that nobody vouches for, with either what was asked for or an error with a code.

// Codes of refusals that mean something here.
/** A cluster has not enough servers for the replicas, with room. */
export const NO_PEERS = 10_005;
/** The servers are electing a leader. */
export const NOT_AVAILABLE = 10_008;
export const MESSAGE_NOT_FOUND = 10_037;
export const JETSTREAM_OFF_FOR_ACCOUNT = 10_039;
/** Of a stream that cannot be made on disk; just after one of its name was removed, that passes. */
export const STORE_NOT_MADE = 10_049;
export const STREAM_NAME_TAKEN = 10_058;
export const STREAM_NOT_FOUND = 10_059;
/** There is no cluster. */
export const NO_CLUSTER = 10_074;
/** The message that a publisher expected to be the last is not: its own was not stored. */
export const WRONG_LAST_SEQUENCE = 10_071;
/**
 * Another message of the subject is on its way through the replicas, so that nobody knows the last one yet: this one was
 * not stored, and is to be sent again. It may even be this publisher's own last message: servers ack it a moment before
 * they forget that it was on its way (seen about once in 8,000 appends).
 */
export const ANOTHER_IN_FLIGHT = 10_164;
/** Of the server, of the account, of the account's file storage. */
const NO_RESOURCES: ReadonlySet<number> = new Set([10_002, 10_023, 10_047]);
/** The store's own error, in words. Only with the words below is it sure that nothing was written. */
const STORE_FAILED = 10_077;
const STREAM_FULL = "maximum bytes exceeded";

/** JetStream refused a request: it heard it, and did nothing. */
export class JetStreamRefused extends Error {
  override readonly name = "JetStreamRefused";
  readonly code: number;
  readonly description: string;

  constructor(code: number, description: string) {
    super(`JetStream refused: ${description} (${code}).`);
    this.code = code;
    this.description = description;
  }
}

/** Whether a message was refused, and surely not stored, because there is no room for it. */
export function isNoRoom(error: unknown): boolean {
  return error instanceof JetStreamRefused && isFullAnswer(error.code, error.description);
}

/** Like {@link isNoRoom}, for who reads the answer. */
export function isFullAnswer(code: number, description: string): boolean {
  return NO_RESOURCES.has(code) || (code === STORE_FAILED && description === STREAM_FULL);
}

/** Parses an answer. Throws {@link JetStreamRefused} when it is an error. */
export function parseAnswer(data: Uint8Array): unknown {
  const answer = parseJson(data);
  if (answer === undefined) throw new Error("JetStream's answer is no JSON.");
  const error = field(answer, "error");
  if (error !== undefined) throw new JetStreamRefused(numberOf(error, "err_code"), textOf(error, "description"));
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
