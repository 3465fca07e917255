// Reading what streams hold: from whichever replica answers first, which may be behind, or from the stream's leader.
import { createInbox, headers, type Msg, type MsgHdrs, MsgHdrsImpl, RequestError } from "@nats-io/nats-core";
import { field, JetStreamRefused, MESSAGE_NOT_FOUND, numberOf, textOf } from "./answer.ts";
import type { NatsClient } from "./connect.ts";
import { ConnectionNews } from "./connection-news.ts";
import { ANSWER_MS, ask, jetStreamRequest } from "./jetstream.ts";

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
/** By the server that was asked: no replica listens, as far as it knows. */
const NOBODY_LISTENS = 503;

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

/**
 * The newest message on a subject, wildcards allowed, from any replica that has one, else by the leader's knowledge: a
 * replica may be behind, and a server may not know yet where replicas listen. Rejects when nobody answers.
 */
export async function lastOf(client: NatsClient, stream: string, subject: string): Promise<StoredMessage | null> {
  try {
    const message = await lastOfAny(client, stream, subject);
    if (message !== null) return message;
  } catch (error: unknown) {
    if (!(error instanceof RequestError && error.isNoResponders())) throw error;
  }
  return lastOfLeader(client, stream, subject);
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
 * Messages at or behind a sequence, in order, as far as the replica that answers knows; none = it has none, or none listens.
 * Rejects when no answer comes to its end.
 */
export async function batchOfAny(client: NatsClient, query: BatchQuery): Promise<readonly StoredMessage[]> {
  const messages = await askForBatch(client, query);
  // Here and not as they come: what a subscription calls must not throw, or the client stops reading without a word.
  return messages.map((message) => directMessage(message));
}

function askForBatch({ connection, names }: NatsClient, query: BatchQuery): Promise<readonly Msg[]> {
  const { stream, subject, from, messagesMax, bytesMax } = query;
  const request = { seq: Math.max(from, 1), next_by_subj: subject, batch: messagesMax, max_bytes: bytesMax };
  return new Promise((resolve, reject) => {
    const messages: Msg[] = [];
    const inbox = createInbox(names.inbox);
    // Throws, and so rejects, where the connection is closed.
    const subscription = connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) return end(error);
        timer.refresh();
        const code = message.headers?.code ?? 0;
        if (code === 0) messages.push(message);
        else if (code === NOT_FOUND || code === END_OF_BATCH || code === NOBODY_LISTENS) end(null);
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

/** A message as a replica sends it. */
function directMessage(message: Msg): StoredMessage {
  const stored = readStored(message);
  if (stored === null) throw new Error("A stored message came without its place in the stream.");
  return stored;
}

/** A message as a stream sends or repeats it: its place there in headers. null = it is nothing of that kind. */
export function readStored({ headers: read, data }: Msg): StoredMessage | null {
  const sequence = Number(read?.get("Nats-Sequence"));
  if (read === undefined || !Number.isSafeInteger(sequence) || sequence < 1) return null;
  const timeMs = Date.parse(read.get("Nats-Time-Stamp"));
  return { subject: read.get("Nats-Subject"), sequence, timeMs, headers: read, data };
}
