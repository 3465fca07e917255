// JetStream's API, as far as more than one adapter uses it: requests, and messages that are acknowledged (`stored.ts`
// reads). Millrace speaks the API itself: all it waits for has a bound then, and all it reads has back-pressure.
import type { MsgHdrs, NatsConnection } from "@nats-io/nats-core";
import { field, numberOf, textOf } from "./answer.ts";

/** How long JetStream may take for one answer. Elections of a stream's leader take longer: then callers ask again. */
export const ANSWER_MS = 5_000;

// Codes of refusals that mean something here.
export const JETSTREAM_OFF_FOR_ACCOUNT = 10_039;
export const MESSAGE_NOT_FOUND = 10_037;
export const STREAM_NOT_FOUND = 10_059;
export const STREAM_NAME_TAKEN = 10_058;
/** What the headers expected to be last is not. */
export const WRONG_LAST_SEQUENCE: ReadonlySet<number> = new Set([10_071, 10_164]);
/** The stream, the account or the server has no room. */
export const NO_ROOM: ReadonlySet<number> = new Set([10_023, 10_047, 10_077]);

/** The settings of a stream, by JetStream's own names: all that matter, also those that are defaults. */
export interface StreamConfig extends Readonly<Record<string, unknown>> {
  readonly name: string;
}

/** JetStream refused a request: it heard it, and did nothing. */
export class JetStreamRefused extends Error {
  override readonly name = "JetStreamRefused";
  readonly code: number;

  constructor(code: number, description: string) {
    super(`JetStream refused: ${description} (${code}).`);
    this.code = code;
  }
}

/** Asks the API and parses the answer. Rejects with {@link JetStreamRefused}, and with what the client throws. */
export async function jetStreamRequest(connection: NatsConnection, api: string, body?: object): Promise<unknown> {
  const payload = body === undefined ? "" : JSON.stringify(body);
  const { data } = await connection.request(`$JS.API.${api}`, payload, { timeout: ANSWER_MS });
  return parseAnswer(data);
}

/** Publishes a message that a stream keeps, and resolves to its sequence there. Rejects like {@link jetStreamRequest}. */
export async function store(
  connection: NatsConnection,
  subject: string,
  data: Uint8Array,
  headers?: MsgHdrs,
): Promise<number> {
  const options = headers === undefined ? { timeout: ANSWER_MS } : { timeout: ANSWER_MS, headers };
  const ack = parseAnswer((await connection.request(subject, data, options)).data);
  const sequence = field(ack, "seq");
  if (typeof sequence !== "number") throw new Error(`What answers on ${subject} is no stream.`);
  return sequence;
}

/** Makes a stream, unless there is one by its name; then that stays as it is. Rejects like {@link jetStreamRequest}. */
export async function ensureStream(connection: NatsConnection, config: StreamConfig): Promise<void> {
  try {
    await jetStreamRequest(connection, `STREAM.INFO.${config.name}`);
  } catch (error: unknown) {
    if (!(error instanceof JetStreamRefused) || error.code !== STREAM_NOT_FOUND) throw error;
    await makeStream(connection, config);
  }
}

async function makeStream(connection: NatsConnection, config: StreamConfig): Promise<void> {
  try {
    await jetStreamRequest(connection, `STREAM.CREATE.${config.name}`, config);
  } catch (error: unknown) {
    // Another process made it at the same time, from other settings: it was there first.
    if (!(error instanceof JetStreamRefused) || error.code !== STREAM_NAME_TAKEN) throw error;
  }
}

function parseAnswer(data: Uint8Array): unknown {
  const answer: unknown = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString());
  const error = field(answer, "error");
  if (error !== undefined) throw new JetStreamRefused(numberOf(error, "err_code"), textOf(error, "description"));
  return answer;
}
