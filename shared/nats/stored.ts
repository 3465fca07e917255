// Reading what streams hold: from whichever replica answers first, which may be behind, or from the stream's leader.
import { createInbox, headers, type Msg, type MsgHdrs, MsgHdrsImpl } from "@nats-io/nats-core";
import { field, numberOf, textOf } from "./answer.ts";
import type { NatsClient } from "./connect.ts";
import { ConnectionNews } from "./connection-news.ts";
import { ANSWER_MS, ask, JetStreamRefused, jetStreamRequest, MESSAGE_NOT_FOUND } from "./jetstream.ts";

/** A message as a stream holds it. */
export interface StoredMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly timeMs: number;
  readonly headers: MsgHdrs;
  readonly data: Uint8Array;
}

/** Several messages of a stream. */
export interface BatchQuery {
  readonly stream: string;
  /** With wildcards, if need be. */
  readonly subject: string;
  /** The first sequence that counts. */
  readonly from: number;
  readonly messagesMax: number;
  /** What comes ends with the message that reaches this; so one comes in any case. */
  readonly bytesMax: number;
}

// Statuses of direct answers.
const NOT_FOUND = 404;
const END_OF_BATCH = 204;

/** The newest message on a subject, wildcards allowed, as far as the replica that answers knows. Rejects when none does. */
export async function lastOfAny(
  { connection }: NatsClient,
  stream: string,
  subject: string,
  answerMs = ANSWER_MS,
): Promise<StoredMessage | null> {
  const query = Buffer.from(JSON.stringify({ last_by_subj: subject }));
  const message = await ask(connection, `$JS.API.DIRECT.GET.${stream}`, query, { answerMs });
  const code = message.headers?.code ?? 0;
  if (code === NOT_FOUND) return null;
  if (code !== 0) throw new Error(`${stream} answered ${code} ${message.headers?.description ?? ""}.`);
  return directMessage(message);
}

/** The newest message on a subject, wildcards allowed, by the leader's knowledge. Rejects when it does not answer. */
export function lastOfLeader(client: NatsClient, stream: string, subject: string): Promise<StoredMessage | null> {
  return askLeader(client, stream, { last_by_subj: subject });
}

/** The first message at or behind a sequence, by the leader's knowledge. Rejects when it does not answer. */
export function nextOfLeader(
  client: NatsClient,
  stream: string,
  { subject, from }: Pick<BatchQuery, "subject" | "from">,
): Promise<StoredMessage | null> {
  return askLeader(client, stream, { seq: from, next_by_subj: subject });
}

async function askLeader({ connection }: NatsClient, stream: string, query: object): Promise<StoredMessage | null> {
  try {
    const message = field(await jetStreamRequest(connection, `STREAM.MSG.GET.${stream}`, query), "message");
    const encoded = textOf(message, "hdrs");
    return {
      subject: textOf(message, "subject"),
      sequence: numberOf(message, "seq"),
      timeMs: Date.parse(textOf(message, "time")),
      headers: encoded === "" ? headers() : MsgHdrsImpl.decode(Buffer.from(encoded, "base64")),
      data: Buffer.from(textOf(message, "data"), "base64"),
    };
  } catch (error: unknown) {
    if (error instanceof JetStreamRefused && error.code === MESSAGE_NOT_FOUND) return null;
    throw error;
  }
}

/**
 * Messages at or behind a sequence, in order, as far as the replica that answers knows; none = it has none. Rejects when no
 * answer comes to its end.
 */
export function batchOfAny({ connection, names }: NatsClient, query: BatchQuery): Promise<readonly StoredMessage[]> {
  const { stream, subject, from, messagesMax, bytesMax } = query;
  const request = { seq: Math.max(from, 1), next_by_subj: subject, batch: messagesMax, max_bytes: bytesMax };
  return new Promise((resolve, reject) => {
    const messages: StoredMessage[] = [];
    const inbox = createInbox(names.inbox);
    // Throws, and so rejects, where the connection is closed.
    const subscription = connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) return end(error);
        timer.refresh();
        const code = message.headers?.code ?? 0;
        if (code === 0) messages.push(directMessage(message));
        else if (code === NOT_FOUND || code === END_OF_BATCH) end(null);
        else end(new Error(`${stream} answered ${code} ${message.headers?.description ?? ""}.`));
      },
    });
    const unlisten = ConnectionNews.of(connection).listen(() => end(new Error("The connection to NATS was lost.")));
    const timer = setTimeout(() => end(new Error(`${stream} was silent for ${ANSWER_MS} ms.`)), ANSWER_MS);
    const end = (error: Error | null): void => {
      clearTimeout(timer);
      unlisten();
      subscription.unsubscribe();
      if (error === null) resolve(messages);
      else reject(error);
    };
    connection.publish(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify(request), { reply: inbox });
  });
}

/** A message as a replica sends it: what it was, in headers. */
function directMessage({ headers: given, data }: Msg): StoredMessage {
  const read = given ?? headers();
  return { ...placeOf(read), headers: read, data };
}

/** What a stream adds to the headers of a message that it sends or repeats. */
export function placeOf(given: MsgHdrs): Pick<StoredMessage, "subject" | "sequence" | "timeMs"> {
  const sequence = Number(given.get("Nats-Sequence"));
  if (!Number.isSafeInteger(sequence) || sequence < 1) throw new Error("A stored message came without its sequence.");
  return { subject: given.get("Nats-Subject"), sequence, timeMs: Date.parse(given.get("Nats-Time-Stamp")) };
}
