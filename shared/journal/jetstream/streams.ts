// The streams that hold the journals of a cluster: how many, what they are called, and the settings without which a
// journal is none.
import type { NatsConnection } from "@nats-io/nats-core";
import { RECORD_BYTES_MAX } from "../journal.ts";
import { field, JetStreamRefusal, parseAnswer, STREAM_NAME_TAKEN, STREAM_NOT_FOUND } from "./answer.ts";
import { ANSWER_MS, type JournalPlace } from "./subject.ts";

export interface JournalStreams {
  /** What the names of streams and subjects begin with: a cluster's own, 1 to 32 characters of `a-z 0-9 -`. */
  readonly prefix: string;
  /** How many streams the shards share: each is a Raft group of its own. 1 to {@link STREAMS_MAX}. */
  readonly streams: number;
  /** 3 in production; 1 loses what its one server loses. */
  readonly replicas: 1 | 3;
  /** What each stream may hold, bytes; beyond it appends are `full`. null = what its servers have room for. */
  readonly bytesMax: number | null;
}

/** A cluster's budget is about 2,000 Raft groups, over everything it holds. */
export const STREAMS_MAX = 256;

const PREFIX_PATTERN = /^[a-z0-9-]{1,32}$/;

/** The expectation that each message carries, with room to spare. */
const HEADER_BYTES_MAX = 1024;

/** The shortest that JetStream takes. No message has an ID, so none is ever a duplicate. */
const DUPLICATE_WINDOW_NANOS = 100e6;

/**
 * Where the journal of a shard lies. Its stream is drawn once, when the shard is made, and kept with the shard: a cluster
 * may add streams later. A new generation of the journal is a new subject in the same stream.
 */
export function journalPlace(prefix: string, stream: number, shard: number, generation: number): JournalPlace {
  return { stream: streamName(prefix, stream), subject: `${prefix}.journal.${stream}.${shard}.${generation}` };
}

/** Makes the streams that are not there and mends what is safe to mend. Rejects with {@link UnsafeStream}. */
export async function ensureStreams(connection: NatsConnection, wanted: JournalStreams): Promise<void> {
  check("prefix", wanted.prefix, PREFIX_PATTERN.test(wanted.prefix), "1 to 32 characters of a-z 0-9 -");
  const isCount = Number.isInteger(wanted.streams) && wanted.streams >= 1 && wanted.streams <= STREAMS_MAX;
  check("streams", wanted.streams, isCount, `a whole number from 1 to ${STREAMS_MAX}`);
  for (let stream = 0; stream < wanted.streams; stream += 1) await ensureStream(connection, wanted, stream);
}

/** A stream is there that must not hold a journal; it was left as it is. */
export class UnsafeStream extends Error {
  override readonly name = "UnsafeStream";
}

async function ensureStream(connection: NatsConnection, wanted: JournalStreams, stream: number): Promise<void> {
  const name = streamName(wanted.prefix, stream);
  const config = streamConfig(wanted, stream);
  const found = await streamInfo(connection, name);
  if (found === null) {
    try {
      await request(connection, `STREAM.CREATE.${name}`, config);
      return;
    } catch (error: unknown) {
      // Another node made it at the same time, from other settings: they are looked at like any others.
      if (!(error instanceof JetStreamRefusal) || error.code !== STREAM_NAME_TAKEN) throw error;
    }
  }
  const there = field(found ?? (await streamInfo(connection, name)), "config");
  refuseUnsafe(name, there, config);
  const mended = mend(there, config);
  if (mended !== null) await request(connection, `STREAM.UPDATE.${name}`, mended);
}

/** What JetStream says of a stream; null = there is none. */
export async function streamInfo(connection: NatsConnection, name: string): Promise<unknown> {
  try {
    return await request(connection, `STREAM.INFO.${name}`, {});
  } catch (error: unknown) {
    if (error instanceof JetStreamRefusal && error.code === STREAM_NOT_FOUND) return null;
    throw error;
  }
}

export function streamName(prefix: string, stream: number): string {
  return `${prefix.toUpperCase()}_JOURNAL_${stream}`;
}

/** Settings that could have lost records already, or could lose them unnoticed: never mended, only refused. */
const UNSAFE_OTHERWISE = {
  storage: "file",
  retention: "limits",
  discard: "new",
  max_age: 0,
  max_msgs: -1,
  max_msgs_per_subject: -1,
  no_ack: false,
  sealed: false,
  deny_purge: false,
  allow_rollup_hdrs: false,
  allow_msg_ttl: false,
} as const;

function streamConfig({ prefix, replicas, bytesMax }: JournalStreams, stream: number): Record<string, unknown> {
  return {
    name: streamName(prefix, stream),
    description: "Journals of Millrace",
    subjects: [`${prefix}.journal.${stream}.>`],
    ...UNSAFE_OTHERWISE,
    max_bytes: bytesMax ?? -1,
    max_msg_size: RECORD_BYTES_MAX + HEADER_BYTES_MAX,
    max_consumers: -1,
    num_replicas: replicas,
    duplicate_window: DUPLICATE_WINDOW_NANOS,
    compression: "none",
    allow_direct: true,
    deny_delete: true,
  };
}

function refuseUnsafe(name: string, there: unknown, config: Record<string, unknown>): void {
  const subjects = JSON.stringify(config["subjects"]);
  const unsafe = Object.entries(UNSAFE_OTHERWISE).filter(([key, value]) => (field(there, key) ?? false) !== value);
  const complaints = unsafe.map(([key, value]) => `${key} is ${JSON.stringify(field(there, key))}, not ${value}`);
  const subjectsThere = JSON.stringify(field(there, "subjects"));
  if (subjectsThere !== subjects) complaints.push(`subjects are ${subjectsThere}, not ${subjects}`);
  for (const key of ["mirror", "sources", "subject_transform"]) {
    if (field(there, key) !== undefined) complaints.push(`${key} is set`);
  }
  if (field(there, "persist_mode") === "async") complaints.push("persist_mode is async: it acks before it writes");
  if (complaints.length === 0) return;
  throw new UnsafeStream(
    `The stream ${name} cannot hold journals: ${complaints.join("; ")}. It was not made by Millrace, or changed since: ` +
      "back it up and remove it, or choose another prefix.",
  );
}

/** The settings there are with those put right that can be without losing anything; null = nothing is to be put right. */
function mend(there: unknown, config: Record<string, unknown>): object | null {
  const wrong = [
    "max_bytes",
    "max_msg_size",
    "max_consumers",
    "allow_direct",
    "deny_delete",
    "duplicate_window",
  ].filter((key) => field(there, key) !== config[key]);
  // Never fewer: who has three replicas may have them for a reason.
  if (Number(field(there, "num_replicas")) < Number(config["num_replicas"])) wrong.push("num_replicas");
  if (wrong.length === 0 || typeof there !== "object" || there === null) return null;
  return { ...there, ...Object.fromEntries(wrong.map((key) => [key, config[key]])) };
}

async function request(connection: NatsConnection, api: string, body: object): Promise<unknown> {
  const answer = await connection.request(`$JS.API.${api}`, JSON.stringify(body), { timeout: ANSWER_MS });
  return parseAnswer(answer.data);
}

function check(option: string, value: unknown, isGood: boolean, bound: string): void {
  if (!isGood) throw new RangeError(`${option} is ${JSON.stringify(value)}: it must be ${bound}.`);
}
