// JetStream's API, as far as more than one adapter uses it: requests, and messages that are acknowledged (`stored.ts`
// reads). Millrace speaks the API itself: all it waits for has a bound then, and all it reads has back-pressure.
import type { Msg, MsgHdrs, NatsConnection } from "@nats-io/nats-core";
import { field, parseAnswer } from "./answer.ts";
import { ConnectionNews } from "./connection-news.ts";

/** How long JetStream may take for one answer. Elections of a stream's leader take longer: then callers ask again. */
export const ANSWER_MS = 5_000;

/** Asks the API and parses the answer. Rejects with `JetStreamRefused`, and like {@link ask}. */
export async function jetStreamRequest(
  connection: NatsConnection,
  api: string,
  body: object = {},
  answerMs = ANSWER_MS,
): Promise<unknown> {
  const payload = Buffer.from(JSON.stringify(body));
  return parseAnswer((await ask(connection, `$JS.API.${api}`, payload, { answerMs })).data);
}

/** Publishes a message that a stream keeps, and resolves to its sequence there. Rejects like {@link jetStreamRequest}. */
export async function store(
  connection: NatsConnection,
  subject: string,
  data: Uint8Array,
  options: AskOptions = {},
): Promise<number> {
  const sequence = field(parseAnswer((await ask(connection, subject, data, options)).data), "seq");
  if (typeof sequence !== "number") throw new Error(`What answers on ${subject} is no stream.`);
  return sequence;
}

/** There is no connection to NATS, or it was lost before the answer came: it is being made anew. */
export class NotConnected extends Error {
  override readonly name = "NotConnected";
}

export interface AskOptions {
  readonly headers?: MsgHdrs;
  /** How long to wait. Default {@link ANSWER_MS}. */
  readonly answerMs?: number;
}

/** Asks and waits for the answer. Rejects with what the client throws, and at once with {@link NotConnected}. */
export function ask(
  connection: NatsConnection,
  subject: string,
  data: Uint8Array,
  { headers, answerMs = ANSWER_MS }: AskOptions = {},
): Promise<Msg> {
  const news = ConnectionNews.of(connection);
  if (!news.isUp) return Promise.reject(new NotConnected("there is no connection to NATS"));
  return new Promise((resolve, reject) => {
    const unlisten = news.listen(() => reject(new NotConnected("the connection to NATS was lost")));
    const options = { timeout: answerMs, ...(headers === undefined ? {} : { headers }) };
    connection.request(subject, data, options).then(resolve, reject).finally(unlisten);
  });
}
